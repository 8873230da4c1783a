"""Explorer pages to open in a real Chromium."""

import pytest

from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators.explorer import FILE, evaluate


@pytest.fixture
def open_explorer(new_page, tmp_path):
    """Write the explorer of these predictions and open the file alone."""

    def make(table, data=None, groups=None, beside=None, *, trained_on=False, made_of=None, limits=None, **options):
        evaluated = Evaluated(
            table, data or tmp_path, groups or {}, beside, trained_on=trained_on, made_of=made_of or {}
        )
        evaluate(evaluated, tmp_path, **(limits or {}))
        page = new_page(**options)
        page.goto((tmp_path / FILE).as_uri())
        return page

    return make
