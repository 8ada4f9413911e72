"""The learner's progress: what was tried and passed, in one small JSON file that the learner owns and may move."""

import os
from pathlib import Path

from course_utils import display, progress_file
from course_utils.progress_file import merge

EVENTS = ("attempted", "passed", "hint", "solution")


def path() -> Path:
    """Return the file: in COURSE_PROGRESS (a folder or a .json file), else in notebooks/ of the course, else here.

    It is in the home folder instead where that folder is not the learner's alone: another user owns it, or a hub
    runs the kernel. So each person has a file.
    """
    chosen = os.path.expanduser(os.environ.get("COURSE_PROGRESS", ""))
    if not chosen:
        notebooks = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "notebooks")
        chosen = notebooks if os.path.isdir(notebooks) else os.getcwd()
        foreign = hasattr(os, "geteuid") and os.geteuid() not in (0, os.stat(chosen).st_uid)  # root may write anywhere
        if foreign or os.environ.get("JUPYTERHUB_USER"):
            chosen = os.path.expanduser("~")
    if not chosen.lower().endswith(".json") or os.path.isdir(chosen):
        chosen = os.path.join(chosen, "my_progress.json")
    return Path(os.path.realpath(chosen))


def record(notebook: str, exercise: str, event: str) -> str | None:
    """Record one event (attempted, passed, hint, solution); return None or a sentence that the learner should read.

    A check records `attempted` each time, and `passed` as well when it passes. Trouble with the file never raises.
    """
    if event not in EVENTS:
        raise ValueError(f"record needs one of {', '.join(EVENTS)} as its event, got {event!r}")
    at, key = progress_file.now().strftime(progress_file.TIME), f"{notebook}/{exercise}"

    def add(progress: dict) -> dict:
        entry = {"attempts": 0, "hints": 0, "first": at, "passed": None, "solution": False}
        entry |= progress["exercises"].get(key, {})
        entry["first"] = min(entry["first"], at)  # a clock may have been set back
        for counted, count in (("attempted", "attempts"), ("hint", "hints")):
            entry[count] = min(entry[count] + (event == counted), progress_file.MAX_COUNT)
        if event == "passed":
            entry["attempts"], entry["passed"] = max(entry["attempts"], 1), entry["passed"] or at
        entry["solution"] = entry["solution"] or (event == "solution" and not entry["passed"])
        return {**progress, "exercises": {**progress["exercises"], key: entry}}

    return progress_file.change(path(), add)[1]


def minutes(entry: dict) -> float | None:
    """Return the minutes from the first check or hint of an exercise to its pass; None if it is not passed."""
    first, passed = (progress_file.moment(entry.get(key)) for key in ("first", "passed"))
    return (passed - first).total_seconds() / 60 if first and passed else None


def load(file: Path | None = None) -> tuple[dict, str | None]:
    """Return the progress in `file` (default: the learner's own), and None or a sentence on what is wrong with it.

    Reading changes nothing: a damaged file is set aside by the next `record`.
    """
    file = file or path()
    try:
        progress, state = progress_file.read(progress_file.content(file))
    except OSError as error:
        return progress_file.empty(), progress_file.trouble(file, "read", error)
    if state in ("damaged", "partly damaged"):
        return (
            progress,
            f"`{progress_file.place(file)}` is {state}; the next check sets it aside and goes on with what is left.",
        )
    return progress, progress_file.newer(file) if state else None


def keep_in(folder: str) -> display.Shown:
    """Keep progress in `folder` from now on, for this process, and take along what was recorded so far.

    On Colab all files are lost when the machine stops, unless they are on Drive: mount it, then call
    `progress.keep_in("/content/drive/MyDrive/course")` at the start of every notebook. The folder is made if need be;
    the one above it must exist, so that a drive that is not mounted is noticed.
    """
    before, outside = path(), os.environ.get("COURSE_PROGRESS", "")
    os.environ["COURSE_PROGRESS"] = os.path.abspath(os.path.expanduser(folder))
    so_far, trouble = load(before)
    file = path()
    done, sentence = progress_file.change(file, lambda progress: merge(progress, so_far))
    if not done:
        os.environ["COURSE_PROGRESS"] = outside
        missing = not os.path.isdir(file.parent.parent)
        above = " The folder above it does not exist: is the drive mounted?" if missing else ""
        return display.message(f"{sentence}{above} Progress is still kept in `{progress_file.place(before)}`.", "bad")
    lost = f"Not all of `{progress_file.place(before)}` could be read and taken along; it is still there."
    notes = [note for note in (sentence, lost if trouble and file != before else None) if note]
    text = " ".join([f"Progress is now kept in `{progress_file.place(file)}`.", *notes])
    return display.message(text, "hint" if notes else "note")


def reset() -> display.Shown:
    """Begin again: the file is set aside under a name with the time in it; nothing is deleted."""
    file = path()
    try:
        if not progress_file.regular(file):
            return display.message("Nothing is recorded yet, so there is nothing to set aside.")
        with progress_file.locked(file):
            aside = progress_file.set_aside(file, "old")
    except OSError as error:
        return display.message(progress_file.trouble(file, "set aside", error), "bad")
    return display.message(f"A fresh start: your progress so far is set aside as `{progress_file.place(aside)}`.")
