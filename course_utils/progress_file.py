"""The file behind the learner's progress: read and checked, changed under a lock, renamed into place, never lost."""

import contextlib
import errno
import itertools
import json
import os
import shutil
import stat
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock

from course_utils import files

VERSION, MAX_BYTES, MAX_COUNT, LOCK_SECONDS = 1, 5_000_000, 10**9 - 1, 5
TIME = "%Y-%m-%dT%H:%M:%SZ"
TIMES, COUNTS = ("first", "passed"), ("attempts", "hints")
IMPORT = "from course_utils import progress"  # advice is to work in notebooks that do not import it, too


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
    """Return where `file` is without the folders above: from the current or the home folder, else with its own one."""
    with contextlib.suppress(OSError, ValueError):
        return file.relative_to(os.path.realpath(os.getcwd())).as_posix()
    at_home = str(file.parent) == os.path.realpath(os.path.expanduser("~"))
    return f"{'~' if at_home else file.parent.name}/{file.name}".lstrip("/")


def trouble(file: Path, what: str, error: OSError) -> str:
    return f"`{place(file)}` cannot be {what} ({error.strerror or type(error).__name__})."


def unrecorded(file: Path, error: OSError) -> str:
    elsewhere = f'`{IMPORT}; progress.keep_in("…")` chooses another folder.'
    return f"Not recorded: {trouble(file, 'written', error)} {elsewhere}"


def newer(file: Path) -> str:
    return f"Not recorded: `{place(file)}` was written by a newer version of this course; update the course to go on."


def empty() -> dict:
    return {"version": VERSION, "learner": "", "exercises": {}}


def fits(key: str, value: object) -> bool:
    """Tell whether `value` is of the type of an entry's `key`; any value is, of a key that we do not know."""
    if key in COUNTS:
        return type(value) is int and 0 <= value <= MAX_COUNT
    if key in TIMES:
        return (key == "passed" and value is None) or moment(value) is not None
    return isinstance(value, bool) or key != "solution"


def merge(a: Any, b: Any, key: str = "") -> Any:
    """Return `a` and `b`, two values of `key`, together; order does not matter, nor how often the same is merged.

    Of two dicts all keys are kept, of times the earlier one, of counts the larger one.
    """
    if isinstance(a, dict) and isinstance(b, dict):
        return {**a, **b, **{name: merge(a[name], b[name], name) for name in a.keys() & b.keys()}}
    sound = [value for value in (a, b) if value is not None and fits(key, value)]
    if sound and key in (*TIMES, *COUNTS, "solution"):
        return min(sound) if key in TIMES else max(sound)
    return max(a, b, key=lambda value: json.dumps(value, sort_keys=True))


def encode(progress: dict) -> bytes:
    return (json.dumps(progress, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def regular(file: Path) -> bool:
    """Tell whether `file` exists; an OSError if it is a folder, a pipe or a device, which is never opened."""
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
    except FileNotFoundError:
        return False
    return True


def content(file: Path) -> bytes | None:
    """Return what is in `file`, at most MAX_BYTES and one more; None if there is no such file."""
    with contextlib.suppress(FileNotFoundError):
        if regular(file):
            with files.patiently(open, file, "rb") as stream:
                return stream.read(MAX_BYTES + 1)
    return None


def read(found: bytes | None) -> tuple[dict, str | None]:
    """Return what is sound in the `content` of a file, and its state: None, damaged, partly damaged or newer."""
    if found is None:
        return empty(), None
    doubled = []

    def unite(pairs: list) -> dict:
        """Return a dict of all `pairs`; those of one name, which JSON does not forbid, are merged."""
        united = {}
        for key, value in pairs:
            doubled.extend([key] if key in united else [])
            united[key] = merge(united[key], value, key) if key in united else value
        return united

    number = lambda digits: int(digits) if len(digits) < 600 else digits  # Python refuses to read much longer ones
    try:
        text = found.decode("utf-8-sig") if len(found) <= MAX_BYTES else ""
        progress = json.loads(text, object_pairs_hook=unite, parse_int=number)
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
    sound = {}
    for name, entry in progress["exercises"].items():
        kept = {k: v for k, v in entry.items() if fits(k, v)} if isinstance(entry, dict) else {}
        sound |= {name: kept} if kept or entry == {} else {}
    whole = not doubled and sound == progress["exercises"]
    return {**progress, "exercises": sound}, None if whole else "partly damaged"


def change(file: Path, change: Callable[[dict], dict]) -> tuple[bool, str | None]:
    """Read, change and write `file` while no other process does; return whether it was done, and a sentence or None.

    A process that was stopped for so long that another one went on without the lock begins again with what that wrote.
    """
    sentence = None
    try:
        file.parent.mkdir(exist_ok=True)
        regular(file)  # before a lock is put beside it
        with locked(file) as alone:
            if alone:
                files.sweep(file)
            for _ in range(100):
                found = content(file)
                progress, state = read(found)
                if state == "newer":
                    return False, newer(file)
                after = encode(change(progress))
                if len(after) > MAX_BYTES:
                    said = f"would have more than {MAX_BYTES / 1e6:g} MB; `{IMPORT}; progress.reset()` sets it aside."
                    return False, f"Not recorded: `{place(file)}` {said}"

                def unless(found=found, state=state) -> bool:
                    nonlocal sentence
                    if content(file) != found:
                        return True
                    if state:
                        aside = set_aside(file, "damaged", copy=found if state == "partly damaged" else None)
                        said = f"it is set aside as `{place(aside)}`, and recording goes on."
                        sentence = f"`{place(file)}` was {state}: {said}"
                    return False

                if files.write(file, after, unless=unless):
                    return True, sentence
        raise OSError(errno.EBUSY, "other programs write it all the time")
    except OSError as error:
        return False, unrecorded(file, error)


def obstacle(file: Path) -> str | None:
    """Return None if `file` can be written, as far as can be told without writing; else a sentence."""
    folder = file.parent if os.path.exists(file.parent) else file.parent.parent
    try:
        found = content(file)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        return unrecorded(file, error)
    return newer(file) if read(found)[1] == "newer" else None


def set_aside(file: Path, word: str, copy: bytes | None = None) -> Path:
    """Rename `file` (or write its `copy`) to a name with `word` and the time that nothing has yet; return that name."""
    stamp = now().strftime("%Y%m%d-%H%M%S")
    names = (f"{file.stem}.{word}-{stamp}{f'-{i}' if i > 1 else ''}.json" for i in itertools.count(1))
    aside = next(file.with_name(name) for name in names if not os.path.lexists(file.with_name(name)))
    if copy is not None:
        files.write(aside, copy)
        shutil.copymode(file, aside)
    elif regular(file):
        files.patiently(os.replace, file, aside)
    return aside


@contextlib.contextmanager
def locked(file: Path):
    """Keep other kernels from changing `file` meanwhile; go on without where a file system cannot lock.

    What it gives is whether the lock is held.
    """
    lock = FileLock(file.with_name(f"{file.stem}.lock"))
    with contextlib.suppress(OSError, NotImplementedError):  # filelock.Timeout is an OSError
        lock.acquire(timeout=LOCK_SECONDS, poll_interval=0.01)
    try:
        yield lock.is_locked
    finally:
        lock.release()
