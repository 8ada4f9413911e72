"""The exercises, a module for each notebook: references, cases, hints and common mistakes."""

import importlib
import pkgutil

from course_utils.exercise import Exercise


def by_notebook() -> dict[str, list[Exercise]]:
    """Return all exercises by the number of their notebook, {"01": in order, ...}; they are where they are declared."""
    found: dict[str, list[Exercise]] = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        for value in vars(importlib.import_module(f"{__name__}.{name}")).values():
            if isinstance(value, Exercise):
                found.setdefault(value.notebook, []).append(value)
    return dict(sorted(found.items()))
