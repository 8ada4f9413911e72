"""Trained weights in data/checkpoints/: a notebook's long run writes them, everyone else loads them; no pickle."""

import json
import os
from pathlib import Path

from torch import nn

from course_utils import records, session
from course_utils.data import restore, verified
from course_utils.display import Shown, message, table


def save(name: str, model: nn.Module, *, steps: int, half: bool = False, **metrics: float) -> Shown:
    """Write the model's weights as `name`.safetensors where tools/train.py asks for it; say what was written.

    The file's header records the notebook, the seed, the steps, the minutes since the notebook began, and `metrics`.
    `half=True` writes half precision, half the bytes: measure the metrics on `model.half().float()`, as it is loaded.
    """
    from safetensors.torch import save_file

    if not session.long():
        raise RuntimeError("checkpoints.save writes in a long run only: `python tools/train.py` starts one")
    header = {"notebook": session.notebook(), "seed": session.seed(), "steps": steps}
    header |= {"minutes": round(session.minutes(), 1), **metrics}
    path = Path(os.environ[session.LONG]) / f"{name}.safetensors"
    kept = lambda value: value.half() if half and value.is_floating_point() else value
    tensors = {key: kept(value).detach().cpu().contiguous() for key, value in model.state_dict().items()}
    save_file(tensors, f"{path}.part", metadata={key: json.dumps(value) for key, value in header.items()})
    os.chmod(f"{path}.part", 0o644)  # safetensors lets only its owner read it
    os.replace(f"{path}.part", path)
    return message(f"Saved {path.name}: {header}", "good")


def load(name: str, model: nn.Module) -> nn.Module:
    """Return `model` with the weights of data/checkpoints/`name`.safetensors, ready to be used (`eval`).

    A damaged file, and a model of another architecture or without memory (torch's device "meta"), are refused with a
    ValueError; the model is then as it was.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = _file(name)
    try:
        tensors = load_file(_own(name) or verified(file))
    except (SafetensorError, PermissionError):
        raise ValueError(f"data/{file} cannot be read: {restore(file)}") from None
    held = {key: tuple(value.shape) for key, value in tensors.items()}
    wanted = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    for key in [*wanted, *sorted(held)]:
        if held.get(key) != wanted.get(key):
            sides = [f"has {key} {s[key]}" if key in s else f"has no {key}" for s in (held, wanted)]
            raise ValueError(
                f"data/{file} is of another network: the file {sides[0]}, this network {sides[1]}; "
                "run the cell that defines the network as it was in the notebook"
            )
    if any(value.is_meta for value in model.state_dict().values()):
        raise ValueError(
            'this network is on the device "meta", which holds no numbers: call `torch.set_default_device("cpu")` and '
            "run the cell that makes the network again"
        )
    model.load_state_dict(tensors)
    return model.eval()


def _own(name: str) -> Path | None:
    """Return the file that this long run has itself saved under `name`, if there is one."""
    path = Path(os.environ.get(session.LONG, "")) / f"{name}.safetensors"
    return path if session.long() and path.exists() else None


def header(path: Path) -> dict:
    """Return what a checkpoint's header records."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        found = {key: json.loads(value) for key, value in file.metadata().items()}
    first = ["notebook", "seed", "steps", "minutes"]  # the file keeps no order
    return {key: found[key] for key in [*first, *sorted(found.keys() - first)]}


def runs(name: str) -> list[dict]:
    """Return the headers of all long runs on record, one for each seed; the first is the checkpoint's own.

    Where the record is missing or damaged, that one, which is in the checkpoint itself, is all there is.
    """
    own = _own(name)
    return [header(own)] if own else records.read("checkpoints").get(name) or [header(verified(_file(name)))]


def table_of_runs(name: str) -> Shown:
    """Return the long runs on record as a table."""
    rows = [{key: value for key, value in run.items() if key != "notebook"} for run in runs(name)]
    cells = [[f"{value:,}" if isinstance(value, int) else f"{value:g}" for value in row.values()] for row in rows]
    headers = [key.replace("_", " ") for key in rows[0]]
    caption = f"Long runs of `{name}`; the first one's weights are in data/checkpoints."
    if not _own(name) and name not in records.read("checkpoints"):
        caption += " Other seeds: not yet measured."
    return table(headers, cells, caption=caption)


def _file(name: str) -> str:
    return f"checkpoints/{name}.safetensors"
