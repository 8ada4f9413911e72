"""What was measured and is committed in data/records/: claims over seeds, costs of notebooks, long runs."""

import json

from course_utils import files


def read(name: str) -> dict:
    """Return the record `name` ("claims", "costs" or "checkpoints"), each by notebook or checkpoint; {} if none."""
    try:
        return json.loads(_file(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def write(name: str, record: dict) -> None:
    """Write the record `name`, for those who maintain the course."""
    file = _file(name)
    file.parent.mkdir(exist_ok=True)
    files.write(file, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _file(name: str):
    from course_utils.data import data_dir

    return data_dir() / "records" / f"{name}.json"
