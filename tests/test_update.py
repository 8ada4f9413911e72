"""tools/update.py in real clones: every notebook can be read afterwards, and nothing that the learner wrote is lost."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FIRST, SECOND = "notebooks/01_first.ipynb", "notebooks/02_second.ipynb"
MINE = "notebooks/my_01_first.ipynb"


def book(*sources, output=""):
    """A notebook of code cells as text; executed if it has an output."""
    outputs = [{"output_type": "stream", "name": "stdout", "text": [output]}] if output else []
    count = 1 if output else None
    cells = [
        {"cell_type": "code", "source": [s], "outputs": outputs, "execution_count": count, "metadata": {}}
        for s in sources
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


class Repository:
    """A folder with the course in it."""

    def __init__(self, folder):
        self.folder = folder

    def git(self, *words, ok=True):
        done = subprocess.run(["git", *words], cwd=self.folder, capture_output=True, encoding="utf-8")
        assert done.returncode == 0 or not ok, done.stderr
        return done.stdout.strip()

    def write(self, files):
        for name, text in files.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8", newline="") if text is not None else file.unlink()

    def commit(self, files, *words):
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A version", *words)

    def read(self, name):
        return (self.folder / name).read_text("utf-8")

    def mine(self):
        """The files that the learner's versions were kept as, by name."""
        return sorted(path.name for path in (self.folder / "notebooks").glob("my_*"))

    def update(self, fails=False, **env):
        """Run the tool; return what it says, one line if it fails, after a look at every notebook and at git."""
        call = [sys.executable, str(self.folder / "tools" / "update.py")]
        done = subprocess.run(call, env={**os.environ, **env}, capture_output=True, encoding="utf-8", cwd=ROOT.anchor)
        assert done.returncode == fails, done.stderr
        said = (done.stderr if fails else done.stdout).strip()
        if fails:
            assert not done.stdout and said.count("\n") == 0 and said.endswith(".")
        else:
            for path in (self.folder / "notebooks").glob("*.ipynb"):
                json.loads(path.read_text("utf-8"))
            assert self.git("rev-parse", "HEAD") == self.git("rev-parse", "origin/main") and not done.stderr
            assert not self.git("ls-files", "--unmerged")
        return said


@pytest.fixture
def course(tmp_path, monkeypatch):
    """The course where it is published."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    config = "[user]\nname = Somebody\nemail = somebody@example.org\n[init]\ndefaultBranch = main\n"
    (tmp_path / "config").write_text(config)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    course = Repository(tmp_path / "published")
    (course.folder / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "update.py", course.folder / "tools")
    course.git("init", "--quiet")
    shutil.copy(ROOT / ".gitignore", course.folder)
    course.commit({FIRST: book("1", "stub"), SECOND: book("2"), "data/words.txt": "a\n", "README.md": "One\n"})
    return course


@pytest.fixture
def clone(course, tmp_path):
    """A learner's clone of it, in a folder with a name of a learner's."""
    folder = tmp_path / "my courses [2026] ä"
    course.git("clone", "--quiet", str(course.folder), str(folder))
    return Repository(folder)


def test_what_both_changed_is_kept_beside_the_new_one_and_numbered_where_the_name_is_taken(course, clone):
    answer = book("1", "my answer")
    clone.write({FIRST: answer})
    course.commit({FIRST: book("1", "stub", "new")})
    said = clone.update()
    assert clone.read(FIRST) == book("1", "stub", "new") and clone.read(MINE) == answer
    assert f"Your version of {FIRST} is kept as {MINE}." in said
    clone.write({FIRST: book("another answer")})
    course.commit({FIRST: book("newer")})
    clone.update()
    assert clone.read(FIRST) == book("newer") and clone.read(MINE) == answer
    assert clone.read("notebooks/my_01_first_2.ipynb") == book("another answer")
    assert not clone.git("status", "--short")  # what is kept is none of git's business


def test_a_notebook_that_was_only_executed_is_replaced_and_not_kept(course, clone):
    clone.write({FIRST: book("1", "stub", output="0.123")})
    course.commit({FIRST: book("1", "stub", "new")})
    clone.update()
    assert clone.read(FIRST) == book("1", "stub", "new") and not clone.mine()


def test_a_notebook_that_is_damaged_or_has_a_picture_pasted_in_is_kept(course, clone):
    pasted = json.loads(book("1", "stub"))
    pasted["cells"][0]["attachments"] = {"image.png": {"image/png": "AAAA"}}
    clone.write({FIRST: json.dumps(pasted), SECOND: "{"})
    course.commit({FIRST: book("new"), SECOND: book("new")})
    (clone.folder / "notebooks" / "my_02_second.ipynb").mkdir()
    assert subprocess.run([sys.executable, str(clone.folder / "tools" / "update.py")]).returncode == 0
    assert json.loads(clone.read(MINE)) == pasted and clone.read("notebooks/my_02_second_2.ipynb") == "{"
    assert clone.read(FIRST) == clone.read(SECOND) == book("new")


def test_what_the_update_does_not_touch_stays_as_it_is(course, clone):
    clone.write({FIRST: book("my answer"), SECOND: None, "notes.txt": "mine", "notebooks/my_own.ipynb": book("mine")})
    course.commit({"data/words.txt": "b\n", "data/new.txt": "new\n", "README.md": None})
    clone.update()
    assert clone.read(FIRST) == book("my answer") and clone.mine() == ["my_own.ipynb"]
    assert clone.read("data/words.txt") == "b\n" and clone.read("data/new.txt") == "new\n"
    assert clone.git("status", "--short").split() == ["M", FIRST, "D", SECOND, "??", "notes.txt"]
    assert not (clone.folder / "README.md").exists()


def test_a_deleted_file_comes_back_if_the_update_changes_it(course, clone):
    clone.write({FIRST: None})
    clone.git("rm", "--quiet", SECOND)
    course.commit({FIRST: book("new"), SECOND: None})
    clone.update()
    assert clone.read(FIRST) == book("new") and not (clone.folder / SECOND).exists() and not clone.mine()


def test_files_of_every_kind_are_kept_also_where_the_course_deletes_or_adds_them(course, clone):
    new = "notebooks/03_third.ipynb"
    clone.write({"README.md": "Mine\n", "data/words.txt": "mine\n", new: book("mine"), "data/same.txt": "same\n"})
    course.commit({"README.md": "Two\n", "data/words.txt": None, new: book("new"), "data/same.txt": "same\n"})
    clone.update()
    assert clone.mine() == ["my_03_third.ipynb", "my_README.md", "my_words.txt"]
    assert clone.read("notebooks/my_README.md") == "Mine\n" and clone.read("README.md") == "Two\n"
    assert clone.read("notebooks/my_03_third.ipynb") == book("mine") and clone.read(new) == book("new")
    assert not (clone.folder / "data" / "words.txt").exists()


def test_a_file_that_is_ignored_or_hidden_from_git_is_kept_too(course, clone):
    (clone.folder / ".git" / "info" / "exclude").write_text("*.txt\n")
    clone.write({"data/new.txt": "mine\n", FIRST: book("mine")})
    clone.git("update-index", "--assume-unchanged", FIRST)
    course.commit({"data/new.txt": "new\n", FIRST: book("new")})
    clone.update()
    assert clone.mine() == ["my_01_first.ipynb", "my_new.txt"]
    assert clone.read(FIRST) == book("new") and clone.read("data/new.txt") == "new\n"


def test_own_commits_are_kept_on_a_branch_and_what_they_changed_stays_or_is_kept(course, clone):
    clone.commit({FIRST: book("committed"), SECOND: book("committed"), "notes.txt": "mine\n"})
    own = clone.git("rev-parse", "HEAD")
    clone.write({SECOND: book("and changed again")})
    course.commit({FIRST: book("new")})
    assert "Your own commits (1) are kept on the branch my_commits." in clone.update()
    assert clone.git("rev-parse", "my_commits") == own
    assert clone.read(MINE) == book("committed") and clone.read(FIRST) == book("new")
    assert clone.read(SECOND) == book("and changed again") and clone.read("notes.txt") == "mine\n"
    clone.commit({"notes.txt": "more\n"})
    course.commit({FIRST: book("newer")})
    assert "branch my_commits_2." in clone.update()
    assert clone.git("rev-parse", "my_commits") == own and clone.mine() == ["my_01_first.ipynb"]


def test_a_course_that_rewrote_its_history_makes_no_copies_of_what_the_learner_left_alone(course, clone):
    course.commit({FIRST: book("a version that was withdrawn"), SECOND: book("withdrawn")})
    clone.update()
    clone.write({SECOND: book("my answer")})
    course.commit({FIRST: book("new"), SECOND: book("new")}, "--amend")
    assert "commits" not in clone.update()
    assert clone.read(FIRST) == book("new") and clone.mine() == ["my_02_second.ipynb"]


def test_a_shallow_clone_is_updated_like_any_other(course, tmp_path):
    course.commit({"README.md": "Two\n"})
    course.git("clone", "--quiet", "--depth", "1", course.folder.as_uri(), str(tmp_path / "shallow"))
    clone = Repository(tmp_path / "shallow")
    clone.write({FIRST: book("my answer")})
    course.commit({FIRST: book("new"), SECOND: book("new")})
    assert "commits" not in clone.update()
    assert clone.mine() == ["my_01_first.ipynb"] and clone.read(SECOND) == book("new")


def test_line_ends_that_git_writes_on_windows_are_no_change_of_the_learners(course, tmp_path):
    course.git("clone", "--quiet", "--config", "core.autocrlf=true", str(course.folder), str(tmp_path / "windows"))
    clone = Repository(tmp_path / "windows")
    assert b"\r\n" in (clone.folder / FIRST).read_bytes()
    course.commit({FIRST: book("new"), "README.md": "Two\n"})
    clone.update()
    assert not clone.mine() and b"\r\n" in (clone.folder / FIRST).read_bytes() and not clone.git("status", "--short")


def test_a_second_call_finds_nothing_new_and_a_branch_ahead_of_the_course_is_left_alone(course, clone):
    course.commit({FIRST: book("new")})
    clone.update()
    assert clone.update() == "The course is up to date."
    clone.commit({SECOND: book("my answer")})
    own = clone.git("rev-parse", "HEAD")
    done = subprocess.run([sys.executable, str(clone.folder / "tools" / "update.py")], capture_output=True)
    assert done.stdout.strip() == b"The course is up to date." and clone.git("rev-parse", "HEAD") == own


def test_an_update_that_was_interrupted_is_repeated_without_a_second_copy(course, clone):
    clone.write({FIRST: book("my answer")})
    course.commit({FIRST: book("new"), SECOND: book("new"), "README.md": None})
    lock = clone.folder / ".git" / "index.lock"
    lock.touch()
    done = subprocess.run([sys.executable, str(clone.folder / "tools" / "update.py")], capture_output=True, text=True)
    assert done.returncode == 1 and "Git could not do its part (fatal: " in done.stderr
    lock.unlink()
    assert clone.read(FIRST) == book("my answer") and clone.mine() == ["my_01_first.ipynb"]
    clone.git("checkout", "--quiet", "origin/main", "--", SECOND)  # it may also end further on
    clone.update()
    assert clone.mine() == ["my_01_first.ipynb"] and clone.read(MINE) == book("my answer")
    assert clone.read(FIRST) == clone.read(SECOND) == book("new") and not (clone.folder / "README.md").exists()


def test_two_versions_in_one_notebook_left_by_a_stash_are_parted(course, clone):
    clone.write({FIRST: book("1", "my answer"), SECOND: book("mine")})
    course.commit({FIRST: book("1", "new"), SECOND: None})
    for words in (["stash"], ["pull", "--quiet"], ["stash", "pop"]):
        clone.git(*words, ok=False)
    assert "<<<<<<<" in clone.read(FIRST)
    clone.update()
    assert clone.read(MINE) == book("1", "my answer") and clone.read(FIRST) == book("1", "new")
    assert clone.read("notebooks/my_02_second.ipynb") == book("mine") and not (clone.folder / SECOND).exists()


@pytest.mark.parametrize("command", ["merge", "rebase", "cherry-pick"])
def test_a_merge_that_is_half_finished_is_named_with_its_way_out(course, clone, command):
    clone.commit({FIRST: book("1", "my answer")})
    course.commit({FIRST: book("1", "new")})
    clone.git("fetch", "--quiet")
    clone.git(command, "origin/main", ok=False)
    assert "<<<<<<<" in clone.read(FIRST)
    said = f"A `git {command}` is half finished here: run `git {command} --abort`, then repeat `make update`."
    assert clone.update(fails=True) == said
    clone.git(command, "--abort")
    clone.update()
    assert clone.read(FIRST) == book("1", "new") and clone.read(MINE) == book("1", "my answer")


@pytest.mark.parametrize("words", [["--detach"], ["--create", "own", "--no-track"]])
def test_where_the_courses_branch_is_not_checked_out_its_name_is_said(course, clone, words):
    clone.git("switch", "--quiet", *words)
    clone.write({FIRST: book("my answer")})
    course.commit({FIRST: book("new")})
    said = "The course's branch is not checked out here: run `git switch main`, then repeat `make update`."
    assert clone.update(fails=True) == said and clone.read(FIRST) == book("my answer")
    clone.git("switch", "--quiet", "main")
    clone.update()
    assert clone.read(MINE) == book("my answer")


def test_without_network_nothing_changes(course, clone):
    clone.write({FIRST: book("my answer")})
    course.folder.rename(course.folder.with_name("away"))
    said = clone.update(fails=True)
    assert said.startswith("The course could not be fetched (") and "connect to the network, then repeat" in said
    assert clone.read(FIRST) == book("my answer") and not clone.mine()


def test_without_git_it_is_asked_for(clone):
    assert clone.update(fails=True, PATH="") == "Git is not installed here: install it, then repeat `make update`."


def test_a_course_from_a_zip_is_downloaded_again_also_inside_another_repository(course, tmp_path):
    copy = Repository(course.folder / "downloaded")
    shutil.copytree(course.folder / "tools", copy.folder / "tools")
    said = copy.update(fails=True)
    assert said.startswith("This folder did not come from `git clone`: download the course again into another folder")


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make here")
def test_make_starts_it_and_nothing_else_first():
    def starts(target):
        return subprocess.run(["make", "-n", target, "PYTHON=python3"], cwd=ROOT, capture_output=True, text=True).stdout

    assert 'exec "python3" tools/update.py\n' in starts("update") and "install.py" not in starts("update")
    assert 'exec "python3" tools/install.py lab' in starts("lab")


def test_it_can_be_read_by_the_python_of_an_older_system_and_needs_nothing_installed():
    tree = ast.parse((ROOT / "tools" / "update.py").read_text("utf-8"), feature_version=(3, 7))
    names = [n for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names]
    assert {name.name for name in names} <= sys.stdlib_module_names
