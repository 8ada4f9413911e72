"""Start a notebook: the version it was written for, the seed, the look of its figures, an empty table of claims."""

import contextlib
import ctypes
import os
import random
import re
import sys
import time
from pathlib import Path

from packaging.version import Version

from course_utils import __version__, again
from course_utils.display import Shown, message

LONG = "COURSE_LONG"  # set by tools/train.py: the folder that a long run's checkpoints go to
ONLY = "COURSE_LONG_ONLY"  # set by it too: the one checkpoint that is asked for, if not all
ROOMY = 4e9  # with as many bytes of memory and more, the memory of dropped tensors may be kept
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # a container's, new and old
_begun = ("", time.monotonic())  # the notebook and when it was started


def start(notebook: str, *, version: str) -> Shown:
    """Make notebook `notebook` ("01") ready; `version` is the course's version that the notebook was saved with.

    What is wrong with the course's records is said here, once, and stops nothing.
    """
    from course_utils import claims, figures

    global _begun
    _begun = (notebook, time.monotonic())
    keep_memory()
    seed_everything(seed())
    figures.use_style()
    _show_six_digits()
    claims.begin(notebook)
    if version != __version__:
        return message(mismatch(version), "bad")
    ready = f"Ready: notebook {notebook}, version {version}, seed {seed()}."
    wrong = _wrong_records()
    return message("\n".join([ready, *wrong]), "hint" if wrong else "good")


def _show_six_digits() -> None:
    """Let a notebook show six digits of a number that has more; `print` shows all."""
    from IPython import get_ipython

    def show(number: float, printer, cycle: bool) -> None:
        short = f"{number:.6g}"
        printer.text(short if float(short) != number == number else repr(number))

    if get_ipython():
        get_ipython().display_formatter.formatters["text/plain"].for_type(float, show)


def _wrong_records() -> list[str]:
    """Return a sentence for each record that tables cannot show."""
    from course_utils import records

    said = {}
    for name in ("claims", "checkpoints"):
        try:
            records.checked(name)
        except (OSError, ValueError) as error:
            said[f"Numbers on record are “not yet measured” here: {error}."] = name
    return list(said)


def keep_memory() -> bool:
    """Let the C library keep the memory of dropped tensors for the next ones; return whether it does.

    Else it gives the larger ones back to the system, and every training step pays for fresh pages: with batches of
    digits a quarter of its time. Only Linux's glibc can be told so; and where memory is short it is not.
    """
    linux = sys.platform.startswith("linux")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if linux and memory() >= ROOMY else None
    use_mmap_from, trim_from = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD; glibc allows the first at most 32 MiB
    return bool(mallopt and mallopt(use_mmap_from, 32 << 20) and mallopt(trim_from, 1 << 30))


def memory() -> float:
    """Return how many bytes of memory a process on Linux may have: the machine's, or its container's limit if less."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in LIMITS:
        with contextlib.suppress(OSError, ValueError):  # no such file; or it says "max"
            limits.append(int(Path(file).read_text()))
    return min(limits)


def mismatch(version: str) -> str:
    """Return the sentence for a notebook of another version than the installed course_utils, with its cure."""
    older = Version(version) < Version(__version__)
    update = again.advice("make update", Path(__file__).resolve().parents[1])
    cure = (
        f"open the notebook of version {__version__} in the course's folder and copy your answers over"
        if older
        else f"{update}, and run `make lab` there so that JupyterLab uses its .venv"
    )
    return (
        f"This notebook was saved with version {version} of the course, course_utils here has version {__version__}: "
        f"{cure} (in Colab: Runtime, Disconnect and delete runtime, then run the first cell)."
    )


def notebook() -> str:
    """Return the number of the notebook that was started, "" before."""
    return _begun[0]


def minutes() -> float:
    """Return the minutes since the notebook was started."""
    return (time.monotonic() - _begun[1]) / 60


def long(checkpoint: str = "") -> bool:
    """Return whether this is a long run, by tools/train.py, for this checkpoint if it is named; else for any."""
    only = os.environ.get(ONLY)
    return bool(os.environ.get(LONG)) and (not only or not checkpoint or only == checkpoint)


def seed() -> int:
    """Return the seed of this run: 0, or what COURSE_SEED says, from 0 to 2**32 - 1; else a ValueError."""
    said = os.environ.get("COURSE_SEED", "").strip() or "0"
    if not re.fullmatch(r"[0-9]{1,10}", said) or int(said) >= 2**32:
        raise ValueError(
            f"the environment variable COURSE_SEED should be a whole number from 0 to {2**32 - 1}, such as 3, "
            f"got {said!r}: correct it or remove it"
        )
    return int(said)


def seed_everything(number: int) -> None:
    """Seed Python's, NumPy's and PyTorch's global generators; nothing else in the course touches them."""
    import numpy as np
    import torch

    random.seed(number)
    np.random.seed(number % 2**32)
    torch.manual_seed(number)


def load_ipython_extension(shell) -> None:
    """Let a NameError before `start` say which cells to run first; tools/install.py has IPython load this."""
    shell.set_custom_exc((NameError,), _unknown_name)


def _unknown_name(shell, kind, error, trace, tb_offset=None) -> None:
    if not notebook():
        first = "run the cells at the top first, down to the one with the imports (Run, Run All Above Selected Cell)"
        error.args = (f"{error}. In a notebook of the course, {first}",)
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
