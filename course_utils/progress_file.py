"""The file behind the learner's progress: read and checked, changed under a lock, renamed into place, never lost."""

import contextlib
import itertools
import json
import os
import shutil
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from filelock import FileLock

from course_utils import files

VERSION, MAX_BYTES, LOCK_SECONDS = 1, 5_000_000, 5
TIME = "%Y-%m-%dT%H:%M:%SZ"


def now() -> datetime:
    """Return the time in UTC; every time in this module comes from here."""
    return datetime.now(timezone.utc)


def moment(text: object) -> datetime | None:
    """Return the time that `text` holds in the form of TIME, or None."""
    with contextlib.suppress(TypeError, ValueError):
        time = datetime.strptime(text, TIME)
        return time if text.isascii() else None
    return None


def place(file: Path) -> str:
    """Return where `file` is without the folders above: as seen from the current folder, else with its own folder."""
    with contextlib.suppress(OSError, ValueError):
        return file.relative_to(os.path.realpath(os.getcwd())).as_posix()
    return f"{file.parent.name}/{file.name}".lstrip("/")


def trouble(file: Path, what: str, error: OSError) -> str:
    return f"`{place(file)}` cannot be {what} ({error.strerror or type(error).__name__})."


def newer(file: Path) -> str:
    return f"Not recorded: `{place(file)}` was written by a newer version of this course; update the course to go on."


def empty() -> dict:
    return {"version": VERSION, "learner": "", "exercises": {}}


def is_entry(entry: object) -> bool:
    """Tell whether every key that we know has a value of its type."""

    def fits(key, value):
        if key in ("attempts", "hints"):
            return type(value) is int and 0 <= value < 10**9
        if key in ("first", "passed"):
            return (key == "passed" and value is None) or moment(value) is not None
        return isinstance(value, bool) or key != "solution"

    return isinstance(entry, dict) and all(fits(key, value) for key, value in entry.items())


def encode(progress: dict) -> bytes:
    return (json.dumps(progress, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def read(file: Path) -> tuple[dict, str | None]:
    """Return what is sound in `file`, and its state: None, damaged, partly damaged or newer."""
    try:
        with files.patiently(open, file, "rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return empty(), None
    try:
        progress = json.loads(content.decode("utf-8-sig")) if len(content) <= MAX_BYTES else None
        encode(progress)  # what cannot be written again (half a character, say) is damage too
    except (ValueError, RecursionError):
        return empty(), "damaged"
    if not isinstance(progress, dict) or type(progress.get("version")) is not int or progress["version"] < 1:
        return empty(), "damaged"
    if progress["version"] > VERSION:
        return empty(), "newer"
    progress = {"learner": "", **progress}
    if not isinstance(progress["learner"], str) or not isinstance(progress.get("exercises"), dict):
        return empty(), "damaged"
    sound = {key: entry for key, entry in progress["exercises"].items() if is_entry(entry)}
    return {**progress, "exercises": sound}, None if len(sound) == len(progress["exercises"]) else "partly damaged"


def change(file: Path, change: Callable[[dict], dict]) -> tuple[bool, str | None]:
    """Read, change and write `file` while no other process does; return whether it was done, and a sentence or None."""
    sentence = None
    try:
        file.parent.mkdir(exist_ok=True)
        with locked(file):
            progress, state = read(file)
            if state == "newer":
                return False, newer(file)
            if state:
                aside = set_aside(file, "damaged", copy=state == "partly damaged")
                sentence = f"`{place(file)}` was {state}: it is set aside as `{place(aside)}`, and recording goes on."
            files.write(file, encode(change(progress)))
    except OSError as error:
        return False, f"Not recorded: {trouble(file, 'written', error)} `progress.keep_in` chooses another folder."
    return True, sentence


def set_aside(file: Path, word: str, copy: bool = False) -> Path:
    """Rename (or copy) `file` to a name with `word` and the time that nothing has yet; return that name."""
    stamp = now().strftime("%Y%m%d-%H%M%S")
    names = (f"{file.stem}.{word}-{stamp}{f'-{i}' if i > 1 else ''}.json" for i in itertools.count(1))
    aside = next(file.with_name(name) for name in names if not os.path.lexists(file.with_name(name)))
    files.patiently(shutil.copyfile if copy else os.replace, file, aside)
    return aside


@contextlib.contextmanager
def locked(file: Path):
    """Keep other kernels from changing `file` meanwhile; go on without where a file system cannot lock."""
    lock = FileLock(file.with_name(f"{file.stem}.lock"))
    with contextlib.suppress(OSError, NotImplementedError):  # filelock.Timeout is an OSError
        lock.acquire(timeout=LOCK_SECONDS, poll_interval=0.01)
    try:
        yield
    finally:
        lock.release()
