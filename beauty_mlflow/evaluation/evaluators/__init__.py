"""One file an evaluator: a module here with a function ``evaluate(evaluated, folder)`` that writes its file(s).

They are found by looking: a new evaluator is a new file. A name that starts with an underscore is none.
"""

import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from beauty_mlflow.evaluation.evaluated import Evaluated

Evaluator = Callable[[Evaluated, Path], None]


def find_evaluators() -> Mapping[str, Evaluator]:
    """Return every evaluator by its module's name, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return {name: import_module(f"{__name__}.{name}").evaluate for name in names}
