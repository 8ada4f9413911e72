"""How to get the course's own files again; here because a clone and a downloaded ZIP need different advice."""

import json
from collections.abc import Callable
from pathlib import Path


def advice(command: str, folder: Path) -> str:
    """Return the advice for the course in `folder`: `command` in a clone, elsewhere to download it again."""
    return f"run `{command}` in the course's folder" if (folder / ".git").exists() else "download the course again"


def restore(name: str, data: Path) -> str:
    """Return how to get the file `name` of the folder `data` again."""
    return advice(f"git restore data/{name}", data.parent)


def unreadable(name: str, error: OSError) -> str:
    """Return what is wrong with data/`name`, which the system does not read."""
    first = {PermissionError: ": give yourself the right to read it, or", IsADirectoryError: ": move it away and"}
    return f"data/{name} cannot be read ({error.strerror or type(error).__name__}){first.get(type(error), ':')}"


def read_json(name: str, data: Path, sound: Callable[[object], bool]) -> dict:
    """Return what the JSON file `name` of the folder `data` has; {} if there is none.

    A file that cannot be read, or that is not `sound`, is refused with a ValueError that says how to get it again.
    """
    try:
        found = json.loads((data / name).read_text(encoding="utf-8"))
        if sound(found):
            return found
        wrong = f"data/{name} is damaged:"
    except FileNotFoundError:
        return {}
    except OSError as error:
        wrong = unreadable(name, error)
    except (ValueError, RecursionError):
        wrong = f"data/{name} is damaged:"
    raise ValueError(f"{wrong} {restore(name, data)}") from None


def is_number(value: object) -> bool:
    """Tell whether a value from a JSON file is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
