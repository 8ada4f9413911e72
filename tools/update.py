"""Bring the course up to date and keep what the learner changed: `make update`, on Windows `py tools/update.py`.

Where the learner and the update changed the same file, the learner's version is copied to notebooks/my_NAME and the
course's version takes its place: nothing is merged, so every notebook opens. A notebook that was only executed is not
copied. What the update does not touch stays as it is. The branch moves last, so an interrupted call is just repeated.

Standard library only, for any Python from 3.7 on: it may be another one than that of .venv.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
AGAIN = "then repeat `make update`"
# what is in git's folder while one of its commands is half finished: the command that ends it
HALF_FINISHED = {
    "MERGE_HEAD": "git merge --abort",
    "rebase-merge": "git rebase --abort",
    "rebase-apply": "git rebase --abort",
    "CHERRY_PICK_HEAD": "git cherry-pick --abort",
    "REVERT_HEAD": "git revert --abort",
    "BISECT_LOG": "git bisect reset",
}


def main() -> None:
    """Update the course, or end with one sentence that says why not and what to do."""
    branch = check()
    leave_stash()
    fetched, _, complaint = run("fetch", "--quiet")
    if not fetched:
        sys.exit(f"The course could not be fetched ({complaint}): connect to the network, {AGAIN}.")
    course = git("rev-parse", branch)
    if git("rev-list", "--count", f"HEAD..{course}") == "0":
        print("The course is up to date.")
        return
    base = started_from(branch)
    take(changes(base, course), course)
    keep_commits(base)
    git("reset", "--quiet", course)
    print("The course is updated: close the notebooks that are open, and start it again with `make lab`.")


# ---- git


def run(*words: str, given: bytes = b"") -> tuple[bool, bytes, str]:
    """Run git; return whether it worked, its answer, and its complaint in one line."""
    env = {**os.environ, "LC_ALL": "C", "GIT_LITERAL_PATHSPECS": "1"}
    call = ["git", "-C", ROOT, *words]
    try:
        done = subprocess.run(call, env=env, input=given, capture_output=True)
    except OSError:
        sys.exit(f"Git is not installed here: install it, {AGAIN}.")
    said = os.fsdecode(done.stderr).strip().splitlines() or ["it gave no reason"]
    complaint = next((line for line in said if line.startswith(("fatal:", "error:"))), said[0])
    return done.returncode == 0, done.stdout, complaint.rstrip(".:")


def git(*words: str, given: bytes = b"") -> str:
    """Return what git answers, as text; end with its complaint if it fails."""
    worked, answer, complaint = run(*words, given=given)
    if not worked:
        sys.exit(f"Git could not do its part ({complaint}): repair that, {AGAIN}.")
    return os.fsdecode(answer).strip()


def check() -> str:
    """Return the branch that the course is fetched to, origin/main for example; end where there is none."""
    if not os.path.exists(os.path.join(ROOT, ".git")):
        sys.exit(
            "This folder did not come from `git clone`: download the course again into another folder, and copy what "
            "is yours in notebooks/ there, your notebooks under names that begin with my_."
        )
    for name, cure in HALF_FINISHED.items():
        if os.path.exists(os.path.join(ROOT, git("rev-parse", "--git-path", name))):
            sys.exit(f"A `{' '.join(cure.split()[:2])}` is half finished here: run `{cure}`, {AGAIN}.")
    found, branch, _ = run("rev-parse", "--abbrev-ref", "HEAD@{upstream}")
    if not found:
        known, default, _ = run("rev-parse", "--abbrev-ref", "origin/HEAD")
        main = os.fsdecode(default).strip().partition("/")[2] if known else "main"
        sys.exit(f"The course's branch is not checked out here: run `git switch {main}`, {AGAIN}.")
    return os.fsdecode(branch).strip()


def started_from(branch: str) -> str:
    """Return the commit of the course that the learner's work is based on, also if the course rewrote its history."""
    for words in (["--fork-point", branch, "HEAD"], [branch, "HEAD"]):
        found, commit, _ = run("merge-base", *words)
        if found:
            return os.fsdecode(commit).strip()
    return "HEAD"


def changes(base: str, course: str) -> list[tuple[str, str, str]]:
    """Return what the update changes: path, content before and content after, as git's ids, zeros for none."""
    parts = git("diff-tree", "-r", "-z", "--no-renames", "--no-abbrev", base, course).split("\0")
    return [(parts[i + 1], *parts[i].split()[2:4]) for i in range(0, len(parts) - 1, 2)]


def keep_commits(base: str) -> None:
    """Keep the learner's own commits, if there are any, on a branch of their own."""
    count = git("rev-list", "--count", f"{base}..HEAD")
    if count == "0":
        return
    name, number = "my_commits", 1
    while run("rev-parse", "--verify", "--quiet", f"refs/heads/{name}")[0]:
        number += 1
        name = f"my_commits_{number}"
    git("branch", name)
    print(f"Your own commits ({count}) are kept on the branch {name}.")


# ---- files


def take(changed: list[tuple[str, str, str]], course: str) -> None:
    """Give every changed file the course's version; keep the learner's if it is neither the old nor the new one."""
    there = [path for path, _, _ in changed if os.path.isfile(at(path))]
    found = git("hash-object", "--stdin-paths", given=lines(there)).split()
    ids = {path: found[i] for i, path in enumerate(there)}
    for path, old, new in changed:
        if path in ids and ids[path] not in (old, new):
            content = read(at(path))
            if not only_executed(path, content, old):
                keep(path, content)
    put([path for path, _, new in changed if new.strip("0")], course)
    for path, _, new in changed:
        if path in ids and not new.strip("0"):
            os.remove(at(path))


def put(paths: list[str], commit: str) -> None:
    """Write files as they are in a commit."""
    if paths:
        git("checkout", "--quiet", commit, "--pathspec-from-file=-", given=lines(paths))


def leave_stash() -> None:
    """Where a `git stash pop` left two versions in one file, keep the learner's and write the course's."""
    entries = [entry.split("\t", 1) for entry in git("ls-files", "--unmerged", "-z").split("\0") if entry]
    if not entries:
        return
    for about, path in entries:
        _, content, stage = about.split()
        if stage == "3":
            keep(path, run("cat-file", "blob", content)[1])
    git("reset", "--quiet")
    paths = sorted({path for _, path in entries})
    ours = [path for path in paths if run("cat-file", "-e", f"HEAD:{path}")[0]]
    put(ours, "HEAD")
    for path in paths:
        if path not in ours and os.path.isfile(at(path)):
            os.remove(at(path))


def at(path: str) -> str:
    """Return where a file of the course is on this disk."""
    return os.path.join(ROOT, *path.split("/"))


def lines(paths: list[str]) -> bytes:
    """Return paths one a line, as git reads them."""
    return os.fsencode("".join(f"{path}\n" for path in paths))


def read(file: str) -> bytes:
    """Return the content of a file."""
    with open(file, "rb") as stream:
        return stream.read()


def only_executed(path: str, content: bytes, old: str) -> bool:
    """Tell whether nothing that the learner wrote makes a notebook differ from git's content `old`."""
    mine = written(content) if path.endswith(".ipynb") else None
    return mine is not None and mine == written(run("cat-file", "blob", old)[1])


def written(content: bytes) -> list | None:
    """Return what is written in a notebook's cells, its outputs left out; None if it is no notebook."""
    try:
        cells = json.loads(content.decode("utf-8"))["cells"]
        return [(cell["cell_type"], "".join(cell["source"]), cell.get("attachments")) for cell in cells]
    except (ValueError, KeyError, TypeError):
        return None


def keep(path: str, content: bytes) -> None:
    """Write the learner's version of a file to notebooks/my_NAME, or with the first number that is free."""
    name, dot, ending = os.path.basename(path).partition(".")
    number, copy = 1, at(f"notebooks/my_{name}{dot}{ending}")
    while os.path.lexists(copy) and not (os.path.isfile(copy) and read(copy) == content):
        number += 1
        copy = at(f"notebooks/my_{name}_{number}{dot}{ending}")
    os.makedirs(os.path.dirname(copy), exist_ok=True)
    with open(f"{copy}.part", "wb") as stream:
        stream.write(content)
    os.replace(f"{copy}.part", copy)
    print(f"Your version of {path} is kept as notebooks/{os.path.basename(copy)}.")


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"A file cannot be read or written ({error}): close what has it open, {AGAIN}.")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted: nothing is lost, `make update` goes on from here.")
