"""The exercises, a module for each notebook, named like its file: references, cases, hints and common mistakes."""

import importlib

from course_utils.exercise import Exercise

MODULES = {
    "01": "gradient_descent",
    "02": "convolutional_networks",
    "03": "recurrent_networks",
    "04": "transformers",
    "05": "generative_adversarial_networks",
    "06": "contrastive_learning",
    "07": "variational_autoencoders",
    "08": "energy_based_models",
}


def by_notebook() -> dict[str, list[Exercise]]:
    """Return all exercises by the number of their notebook, {"01": in order, ...}."""
    modules = {number: importlib.import_module(f"{__name__}.{name}") for number, name in MODULES.items()}
    return {
        number: [value for value in vars(module).values() if isinstance(value, Exercise)]
        for number, module in modules.items()
    }
