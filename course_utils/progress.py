"""The learner's progress: what was tried and passed, in one small JSON file that the learner owns and may move."""

import importlib
import json
import os
import pkgutil
from pathlib import Path

from course_utils import course, display, progress_file

EVENTS = ("attempted", "passed", "hint", "solution")


def path() -> Path:
    """Return the file: in COURSE_PROGRESS (a folder or a .json file), else in notebooks/ of the course, else here."""
    chosen = os.path.expanduser(os.environ.get("COURSE_PROGRESS", ""))
    notebooks = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "notebooks")
    if not chosen and os.path.isdir(notebooks):
        chosen = notebooks
    if not chosen.lower().endswith(".json") or os.path.isdir(chosen):
        chosen = os.path.join(chosen, "my_progress.json")
    return Path(os.path.realpath(chosen))


def record(notebook: str, exercise: str, event: str) -> str | None:
    """Record one event (attempted, passed, hint, solution); return None or a sentence that the learner should read.

    A check records `attempted` each time, and `passed` as well when it passes. Trouble with the file never raises.
    """
    if event not in EVENTS:
        raise ValueError(f"record needs one of {', '.join(EVENTS)} as its event, got {event!r}")
    at, key = progress_file.now().strftime("%Y-%m-%dT%H:%M:%SZ"), f"{notebook}/{exercise}"

    def add(progress: dict) -> dict:
        entry = {"attempts": 0, "hints": 0, "first": at, "last": at, "passed": None}
        entry |= {"solution": False, "solution_before_pass": False, **progress["exercises"].get(key, {})}
        entry["first"], entry["last"] = min(entry["first"], at), max(entry["last"], at)
        entry["attempts"] += event == "attempted"
        entry["hints"] += event == "hint"
        if event == "passed":
            entry["attempts"], entry["passed"] = max(entry["attempts"], 1), entry["passed"] or at
        if event == "solution":
            entry["solution_before_pass"] = entry["solution_before_pass"] or not entry["passed"]
            entry["solution"] = True
        return {**progress, "exercises": {**progress["exercises"], key: entry}}

    return progress_file.change(path(), add)[1]


def load(file: Path | None = None) -> tuple[dict, str | None]:
    """Return the progress in `file` (default: the learner's own), and None or a sentence on what is wrong with it.

    Reading changes nothing: a damaged file is set aside by the next `record`.
    """
    file = file or path()
    try:
        progress, state = progress_file.read(file)
    except OSError as error:
        return progress_file.empty(), progress_file.trouble(file, "read", error)
    if state in ("damaged", "partly damaged"):
        return (
            progress,
            f"`{progress_file.place(file)}` is {state}; the next check sets it aside and goes on with what is left.",
        )
    return progress, progress_file.newer(file) if state else None


def merge(a: dict, b: dict) -> dict:
    """Return the progress of `a` and `b` together; order does not matter, nor how often the same is merged."""

    def either(key, x, y):
        return max(x, y, key=lambda value: json.dumps(value, sort_keys=True))

    def in_entry(key, x, y):
        if key in ("first", "passed"):
            return min(x, y) if x and y else x or y
        if key in ("attempts", "hints", "last", "solution", "solution_before_pass"):
            return max(x, y)
        return either(key, x, y)

    def union(x, y, both):
        return {**x, **y, **{key: both(key, x[key], y[key]) for key in x.keys() & y.keys()}}

    def at_top(key, x, y):
        return union(x, y, lambda _, e, f: union(e, f, in_entry)) if key == "exercises" else either(key, x, y)

    return union(a, b, at_top)


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
    if not os.path.exists(file):
        return display.message("Nothing is recorded yet, so there is nothing to set aside.")
    try:
        with progress_file.locked(file):
            aside = progress_file.set_aside(file, "old")
    except OSError as error:
        return display.message(progress_file.trouble(file, "set aside", error), "bad")
    return display.message(f"A fresh start: your progress so far is set aside as `{progress_file.place(aside)}`.")


def show(exercises: dict[str, list[str]] | None = None) -> display.Shown:
    """Return the map of the course: what each notebook follows, what is passed there (number: names), what is next."""
    exercises = _discover() if exercises is None else exercises
    progress, trouble = load()
    is_passed = {key: bool(entry.get("passed")) for key, entry in progress["exercises"].items()}
    rows, left = [], []
    for notebook in course.NOTEBOOKS:
        names = exercises.get(notebook.number, [])
        open_ones = [name for name in names if not is_passed.get(f"{notebook.number}/{name}")]
        done = len(names) - len(open_ones)
        state = (
            "●" * done + "○" * len(open_ones) + f"\u00a0{done}\u00a0of\u00a0{len(names)}" if names else "no exercises"
        )
        rows.append([f"{notebook.number} {notebook.title}", notebook.guide, state if notebook.file else "to come"])
        left += [(name, notebook.number) for name in open_ones if notebook.file]
    if left and not is_passed and not trouble:
        advice = f"All is ready for you. Open notebook {left[0][1]}; its first exercise is `{left[0][0]}`."
    elif left:
        advice = f"next: exercise `{left[0][0]}` in notebook {left[0][1]}"
    else:
        advice = "Every exercise there is so far is passed." if is_passed else "There are no exercises yet."
    parts = [display.table(["notebook", "follows in the guide", "exercises passed"], rows, caption="The course")]
    parts += [display.message(trouble, "bad")] if trouble else []
    parts += [
        display.message(f"Your progress is kept in `{progress_file.place(path())}`."),
        display.message(advice, "hint"),
    ]
    return display.Shown(markup="".join(p.markup for p in parts), text="\n".join(p.text for p in parts))


def _discover() -> dict[str, list[str]]:
    """Return the names of the exercises of each notebook, from every module of course_utils.exercises."""
    from course_utils import exercise, exercises

    found: dict[str, list[str]] = {}
    for info in sorted(pkgutil.iter_modules(exercises.__path__), key=lambda info: info.name):
        for one in exercise.exercises_in(importlib.import_module(f"{exercises.__name__}.{info.name}")):
            found.setdefault(one.notebook, []).append(one.name)
    return found
