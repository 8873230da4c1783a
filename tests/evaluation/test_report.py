from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.report import write_evaluation


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_every_evaluator_writes_into_the_folder(tmp_path, make_table):
    write_evaluation(Evaluated(make_table(), tmp_path), tmp_path / "evaluation" / "val")
    assert names_in(tmp_path / "evaluation" / "val") == [
        "confusion_matrix.png",
        "confusion_matrix.tsv",
        "corrections.csv",
        "coverage.csv",
        "coverage.png",
        "explorer.html",
        "gallery.png",
        "most_confused.csv",
        "predictions.csv",
        "reliability.png",
        "report.csv",
        "suspects.csv",
    ]


def test_where_nobody_is_to_look_at_the_pictures_there_is_nothing_that_sends_one_there(tmp_path, make_table):
    write_evaluation(Evaluated(make_table()), tmp_path)
    assert names_in(tmp_path) == [
        "confusion_matrix.png",
        "confusion_matrix.tsv",
        "coverage.csv",
        "coverage.png",
        "most_confused.csv",
        "predictions.csv",
        "reliability.png",
        "report.csv",
    ]


def test_without_figures_there_are_tables_and_the_page(tmp_path, make_table):
    write_evaluation(Evaluated(make_table(), tmp_path), tmp_path / "val", figures=False)
    assert names_in(tmp_path / "val") == [
        "confusion_matrix.tsv",
        "corrections.csv",
        "coverage.csv",
        "explorer.html",
        "most_confused.csv",
        "predictions.csv",
        "report.csv",
        "suspects.csv",
    ]


def test_the_same_table_gives_the_same_bytes(tmp_path, make_table):
    for folder in ("a", "b"):
        write_evaluation(Evaluated(make_table(), tmp_path / "pictures"), tmp_path / folder)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_names_that_nobody_should_choose_pass_through_every_evaluator(tmp_path, make_table, hostile_names):
    """Warnings are errors here, so a letter that no font has, or a formula between $ signs, would show."""
    write_evaluation(Evaluated(make_table(classes=hostile_names), tmp_path), tmp_path)
    assert len(list(tmp_path.iterdir())) == 12
