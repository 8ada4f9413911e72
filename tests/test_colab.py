"""The Colab cell, tried in an environment that has everything but the course, and what tools/stamp.py writes."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
import run as runner
import stamp

from course_utils import __version__ as VERSION

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = runner.notebooks()
PLACEHOLDER = "https://example.org/deep-learning-companion"
REST = "import course_utils\nprint(course_utils.__version__)\nfrom course_utils import display\nprint('displayed')\n"


def make_notebook() -> nbformat.NotebookNode:
    """Return a small notebook as the course's are, not stamped yet."""
    title = "# Try\n\n<!-- badge --> <!-- /badge -->\n\n**Runs in** <!-- cost --><!-- /cost -->."
    setup = 'from course_utils import session\n\nsession.start("01", version="0.1")'
    cells = [nbformat.v4.new_markdown_cell(title, id="a"), nbformat.v4.new_code_cell(setup, id="b")]
    return nbformat.v4.new_notebook(cells=cells)


def stamped(notebook, file, address, costs=None):
    """Return a copy of `notebook`, stamped."""
    copy = nbformat.from_dict(json.loads(json.dumps(notebook)))
    stamp.stamp_notebook(copy, file, address, costs or {})
    return copy


# ---- a bare Colab


def git(*words, cwd):
    """Run git as somebody, wherever the tests run."""
    who = ["-c", "user.name=A test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=cwd, check=True, capture_output=True)


def make_wheel(name: str, folder: Path) -> None:
    """Pack an installed package up again, so that pip can build the course without a network."""
    found = metadata.distribution(name)
    with zipfile.ZipFile(folder / f"{name}-{found.version}-py3-none-any.whl", "w") as wheel:
        for file in found.files:
            if ".." not in file.parts and "__pycache__" not in file.parts:
                wheel.write(file.locate(), file)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Return a Python that sees all of the course's dependencies, but not the course, and its environment."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    windows = os.name == "nt"
    python = folder / "venv" / ("Scripts/python.exe" if windows else "bin/python")
    # A plain path in a .pth file does not bring in the .pth files that lie there, an editable course among them.
    purelib = Path(metadata.distribution("numpy").locate_file(""))
    call = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    inside = subprocess.run(call, check=True, capture_output=True, text=True).stdout.strip()
    (Path(inside) / "dependencies.pth").write_text(f"{purelib}\n")

    setuptools = metadata.version("setuptools")
    wheels = folder / "wheels"
    wheels.mkdir()
    make_wheel("setuptools", wheels)
    if int(setuptools.split(".")[0]) < 71:  # older ones cannot build without the package wheel
        try:
            make_wheel("wheel", wheels)
        except metadata.PackageNotFoundError:
            pytest.skip(f"setuptools {setuptools} cannot build the course offline: 71 or newer can")

    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "COLAB_"))}
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}
    return python, {**kept, **offline}


@pytest.fixture(scope="module")
def hosted(tmp_path_factory):
    """Return the address of a git repository that holds this course, tagged with its version."""
    folder = tmp_path_factory.mktemp("hosted")
    for name in ["pyproject.toml", "README.md"]:
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "course_utils", folder / "course_utils", ignore=shutil.ignore_patterns("__pycache__"))
    git("init", "--quiet", cwd=folder)
    git("add", ".", cwd=folder)
    git("commit", "--quiet", "--message", "The course", cwd=folder)
    git("tag", f"v{VERSION}", cwd=folder)
    return folder.as_uri()


def run_alone(bare, folder, address, *, colab, rest=REST):
    """Run the Colab cell and then `rest` in a kernel of `bare` whose only file is the notebook."""
    python, environment = bare
    nbformat.write(stamped(make_notebook(), "alone.ipynb", address), folder / "alone.ipynb")
    program = f"import json, sys\nsys.path[0] = {str(folder)!r}\nnamespace = {{'__name__': '__main__'}}\n"
    program += "cell = json.load(open('alone.ipynb', encoding='utf-8'))['cells'][1]\n"
    program += f"exec(''.join(cell['source']), namespace)\nexec({rest!r}, namespace)\n"
    environment = {**environment, **({"COLAB_RELEASE_TAG": "release-colab"} if colab else {})}
    call = [str(python), "-c", program]
    return subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True)


def test_on_a_bare_colab_the_first_cell_fetches_the_course_and_a_new_kernel_finds_it_again(bare, hosted, tmp_path):
    first = run_alone(bare, tmp_path, hosted, colab=True)
    assert (first.stdout, first.stderr, first.returncode) == (f"{VERSION}\ndisplayed\n", "", 0)
    python, environment = bare
    listed = subprocess.run([str(python), "-m", "pip", "list", "--local"], env=environment, capture_output=True)
    assert b"deep-learning-companion" in listed.stdout, "the course was not installed"
    assert b"torch" not in listed.stdout, "pip installed torch a second time"

    again = run_alone(bare, tmp_path, "file:///nowhere", colab=True)
    assert (again.stdout, again.stderr) == (f"{VERSION}\ndisplayed\n", "")

    uninstall = [str(python), "-m", "pip", "uninstall", "--quiet", "--yes", "deep-learning-companion"]
    subprocess.run(uninstall, env=environment, check=True, capture_output=True)
    folder_there = run_alone(bare, tmp_path, "file:///nowhere", colab=True)
    assert (folder_there.stdout, folder_there.stderr) == (f"{VERSION}\ndisplayed\n", "")
    subprocess.run(uninstall, env=environment, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("address", "colab", "sentence"),
    [
        (PLACEHOLDER, True, "The course has no public address yet"),
        (PLACEHOLDER, False, "This kernel does not have the course"),
        ("file:///nowhere/at/all", True, "Failed: "),
    ],
)
def test_where_the_course_cannot_be_fetched_the_first_cell_says_why_in_one_sentence(
    bare, tmp_path, address, colab, sentence
):
    run = run_alone(bare, tmp_path, address, colab=colab, rest="")
    assert run.stdout.startswith(sentence) and run.stdout.count("\n") == 1, run.stdout
    assert (run.stderr, run.returncode) == ("", 0)
    assert len(run.stdout) > len(sentence) + 20, "the sentence gives no reason"


def test_a_pip_that_fails_on_colab_is_reported_in_one_sentence(bare, hosted, tmp_path):
    python, environment = bare
    without_wheels = {**environment, "PIP_FIND_LINKS": str(tmp_path)}
    run = run_alone((python, without_wheels), tmp_path, hosted, colab=True, rest="")
    assert run.stdout.startswith("Failed: Could not find a version that satisfies the requirement setuptools")
    assert run.stdout.count("\n") == 1 and run.stderr == ""


@pytest.mark.parametrize("colab", [True, False])
def test_where_the_course_is_installed_the_first_cell_does_nothing(monkeypatch, capfd, tmp_path, colab):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab") if colab else None
    monkeypatch.setattr(subprocess, "run", None)
    path = list(sys.path)
    exec(stamp.colab_cell("file:///nowhere"), {})
    assert capfd.readouterr() == ("", "") and list(tmp_path.iterdir()) == [] and sys.path == path


# ---- what is written into the notebooks


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_every_notebook_begins_with_the_folded_cell_and_a_place_for_the_badge(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert code[0].source == stamp.colab_cell(stamp.address()), "run `python tools/stamp.py`"
    assert code[0].metadata == {"tags": ["colab"], "jupyter": {"source_hidden": True}, "cellView": "form"}
    assert "<!-- badge -->" in cells[0].source and "<!-- cost -->" in cells[0].source


def test_stamping_folds_the_cell_and_sets_badge_cost_and_version_and_a_second_time_changes_nothing(monkeypatch):
    monkeypatch.setattr(stamp, "__version__", "2.5")
    group = "https://github.com/group/course"
    costs = {"seconds": 84, "peak_mb": 2310}
    first = stamped(make_notebook(), "01_try.ipynb", group, costs)
    link = "https://colab.research.google.com/github/group/course/blob/v2.5/notebooks/01_try.ipynb"
    title, colab, setup = first.cells
    assert f"<!-- badge -->[Open in Colab]({link})<!-- /badge -->" in title.source
    assert "about 84 seconds on two CPU cores, with 2.3 GB of memory<!-- /cost -->" in title.source
    folded = {"tags": ["colab"], "jupyter": {"source_hidden": True}, "cellView": "form"}
    assert (colab.metadata, colab.id) == (folded, "colab")
    assert 'session.start("01", version="2.5")' in setup.source
    assert stamped(first, "01_try.ipynb", group, costs) == first
    again = stamped(first, "01_try.ipynb", PLACEHOLDER)
    assert "<!-- badge --><!-- /badge -->" in again.cells[0].source, "a badge without an address"
    assert "<!-- cost -->not yet measured<!-- /cost -->" in again.cells[0].source


def test_the_command_sets_the_address_in_one_place_and_everywhere_from_there_and_no_notebook_of_the_learners(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "README.md", tmp_path)
    (tmp_path / "notebooks").mkdir()
    mine = [tmp_path / "notebooks" / name for name in ("my_01_try.ipynb", "01_try-Copy1.ipynb", "Untitled.ipynb")]
    path = tmp_path / "notebooks" / "01_try.ipynb"
    for file in (path, *mine):
        nbformat.write(make_notebook(), file)
    before = [file.read_bytes() for file in mine]
    stamp.main(["--address", "https://github.com/group/course.git/"], tmp_path)
    assert stamp.address(tmp_path) == "https://github.com/group/course" and stamp.stale(tmp_path) == []
    assert path.read_text("utf-8").count("https://github.com/group/course") == 1
    assert "blob" in (tmp_path / "README.md").read_text("utf-8") and (tmp_path / "RESULTS.md").exists()
    written = path.read_bytes()
    nbformat.write(nbformat.read(path, as_version=4), path)
    assert path.read_bytes() == written, "not written as nbformat writes it: `make run` would show a difference"
    assert [file.read_bytes() for file in mine] == before


def test_an_address_that_git_cannot_clone_from_is_refused(tmp_path):
    for wrong in ["group/course", 'https://github.com/a"b', "ssh it"]:
        with pytest.raises(SystemExit, match="--address needs an address such as"):
            stamp.set_address(wrong, tmp_path)


def test_the_colab_cell_is_short_and_passes_the_linter(tmp_path):
    cell = stamp.colab_cell("https://github.com/a-group-of-students/deep-learning-companion")
    assert cell.count("\n") < 20
    pytest.importorskip("ruff")
    (tmp_path / "cell.py").write_text(cell + "\n", "utf-8")
    for words in [["check"], ["format", "--check"]]:
        call = [sys.executable, "-m", "ruff", *words, "--config", str(ROOT / "pyproject.toml"), "cell.py"]
        run = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
