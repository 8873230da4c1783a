import gc

import matplotlib as mpl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib._pylab_helpers import Gcf
from PIL import Image

from beauty_mlflow.evaluation.plotting import LONGEST_NAME, name_style, new_figure, readable, save_figure


@settings(max_examples=50)
@given(name=st.text(max_size=100))
def test_every_name_can_be_drawn(tmp_path_factory, name):
    """Warnings are errors here: a letter that no font has would raise, and so would a broken formula."""
    figure = new_figure(2, 1)
    figure.text(0, 0.5, readable(name), **name_style())
    save_figure(figure, tmp_path_factory.getbasetemp() / "name.png")
    assert len(readable(name)) <= LONGEST_NAME


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Hair_Dyes", "Hair_Dyes"),
        ("cost $5 or $6", "cost $5 or $6"),
        ("a\tb\nc", "a b c"),
        ("\x07", "□"),
        ("x" * 30 + "y" * 30, "x" * 20 + "…" + "y" * 19),
    ],
)
def test_names_are_shown_as_they_are_where_that_is_possible(name, shown):
    assert readable(name) == shown


def test_figures_are_written_whole_and_leave_no_global_state(tmp_path):
    backend = mpl.get_backend()
    for _ in range(3):
        save_figure(new_figure(2, 1), tmp_path / "new" / "figure.png")
    gc.collect()
    with Image.open(tmp_path / "new" / "figure.png") as picture:
        assert picture.size == (200, 100)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["figure.png"]
    assert mpl.get_backend() == backend
    assert Gcf.get_all_fig_managers() == []
