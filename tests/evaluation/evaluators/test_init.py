from pathlib import Path

from beauty_mlflow.evaluation import evaluators
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators import find_evaluators


def test_every_file_here_is_an_evaluator():
    files = sorted(path.stem for path in Path(evaluators.__file__).parent.glob("[!_]*.py"))
    assert list(find_evaluators()) == files
    assert {"confusion_matrix_figure", "confusion_matrix_table", "predictions", "report"} <= set(files)


def test_a_new_evaluator_is_a_new_file(tmp_path, monkeypatch, make_table):
    source = "def evaluate(evaluated, folder):\n    (folder / 'size.txt').write_text(str(len(evaluated.table)))\n"
    (tmp_path / "size_of_the_part.py").write_text(source)
    (tmp_path / "_helper.py").write_text("")
    monkeypatch.setattr(evaluators, "__path__", [*evaluators.__path__, str(tmp_path)])
    find_evaluators()["size_of_the_part"](Evaluated(make_table(n=17)), tmp_path)
    assert (tmp_path / "size.txt").read_text() == "17"
