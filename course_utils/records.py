"""What was measured and is committed in data/records/: claims over seeds, costs of notebooks, long runs."""

import json
from collections.abc import Callable
from pathlib import Path

from course_utils import again, files
from course_utils.again import is_number

TEXTS = ("statement", "source", "unit", "expected", "published", "against")


class Record(dict):
    """A record by notebook or checkpoint; where an entry is missing, it says how to get the file again."""

    def __init__(self, name: str, entries: dict):
        super().__init__(entries)
        self.name = name

    def __missing__(self, key: str):
        file = _file(self.name)
        raise ValueError(f"data/{file} has no entry {key!r}: {again.restore(file, _folder())}")


def read(name: str) -> Record:
    """Return the record `name` ("claims", "costs" or "checkpoints"), each by notebook or checkpoint.

    It is empty where there is no sound one: a notebook then says that a number is not yet measured, and goes on.
    """
    try:
        return checked(name)
    except (OSError, ValueError):
        return Record(name, {})


def checked(name: str) -> Record:
    """Return the record `name`, empty if there is none yet; a damaged one is refused with a ValueError."""
    return Record(name, again.read_json(_file(name), _folder(), SOUND[name]))


def write(name: str, record: dict) -> None:
    """Write the record `name`, for those who maintain the course."""
    file = _folder() / _file(name)
    file.parent.mkdir(exist_ok=True)
    files.write(file, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _folder() -> Path:
    from course_utils.data import data_dir  # imports torch

    return data_dir()


def _file(name: str) -> str:
    return f"records/{name}.json"


def _all(kind: type, value: object, sound: Callable[[object], bool]) -> bool:
    """Tell whether `value` is a `kind`, a dict or a list, and all that it holds is `sound`."""
    return isinstance(value, kind) and all(map(sound, value.values() if isinstance(value, dict) else value))


def _claim(claim: object) -> bool:
    """Tell whether a claim has its texts, and numbers for one or more seeds."""
    return (
        isinstance(claim, dict)
        and all(isinstance(claim.get(key), str) for key in TEXTS)
        and all(isinstance(claim.get(key), list) and claim[key] for key in ("measured", "holds"))
        and _all(list, claim["measured"], is_number)
        and _all(list, claim.get("details", []), lambda seed: _all(dict, seed, lambda row: _all(list, row, is_number)))
    )


def _runs(runs: object) -> bool:
    """Tell whether there are one or more long runs, each with its seed, its steps and other numbers."""
    numbers = lambda run: all(is_number(value) for key, value in run.items() if key != "notebook")
    return bool(runs) and _all(
        list, runs, lambda run: isinstance(run, dict) and {"seed", "steps"} <= run.keys() and numbers(run)
    )


def _costs(costs: object) -> bool:
    """Tell whether there are numbers for each notebook, and for the loader and the loop."""
    each = lambda cost: _all(dict, cost, is_number)
    return isinstance(costs, dict) and all(
        _all(dict, value, each) if key == "notebooks" else is_number(value) for key, value in costs.items()
    )


SOUND = {
    "claims": lambda record: _all(dict, record, lambda claims: _all(dict, claims, _claim)),
    "checkpoints": lambda record: _all(dict, record, _runs),
    "costs": _costs,
}
