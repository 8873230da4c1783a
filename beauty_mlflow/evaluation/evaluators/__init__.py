"""One file an evaluator: a module here with a function ``evaluate(evaluated, folder)`` that writes its file(s).

They are found by looking: a new evaluator is a new file. A name that starts with an underscore is none. A module whose
file sends people to look at pictures says ``LOOKS_AT_PICTURES = True``, one that draws a figure ``DRAWS = True``.
"""

import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from beauty_mlflow.evaluation.evaluated import Evaluated

Evaluator = Callable[[Evaluated, Path], None]


def find_evaluators(*, pictures: bool = True, figures: bool = True) -> Mapping[str, Evaluator]:
    """Return every evaluator by its module's name, in alphabetical order.

    Args:
        pictures: Whether those that look at pictures are among them.
        figures: Whether those that draw are.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    modules = {name: import_module(f"{__name__}.{name}") for name in names}
    return {
        name: module.evaluate
        for name, module in modules.items()
        if (pictures or not getattr(module, "LOOKS_AT_PICTURES", False))
        and (figures or not getattr(module, "DRAWS", False))
    }
