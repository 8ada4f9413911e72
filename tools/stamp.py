"""Write the course's version and public address into every notebook and the README; run it when either changes.

    python tools/stamp.py                                          after course_utils.__version__ changed
    python tools/stamp.py --address https://github.com/OWNER/REPO  once the course is hosted there

The version stands in course_utils/__init__.py and the address in pyproject.toml ([project.urls] Repository), nowhere
else by hand. From them come: the folded cell that fetches the course on Colab, the Colab badges between
`<!-- badge -->` and `<!-- /badge -->`, and the version in the set-up cell's `session.start(...)`.
"""

import argparse
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARKERS = re.compile(r"<!-- badge( \S+\.ipynb)? -->.*?<!-- /badge -->", re.DOTALL)
ADDRESS = re.compile(r'^(Repository = )"(.*)"$', re.MULTILINE)

COLAB_CELL = """\
# @title On Colab only: fetch the course (anywhere else this cell does nothing)
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("course_utils") is None:
    address, folder = "{address}", "deep-learning-companion"
    clone = ["git", "clone", "--quiet", "--depth", "1", "--branch", "v{version}", address, folder]
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--editable", folder]
    if "COLAB_RELEASE_TAG" not in os.environ:
        print("This kernel does not have the course: run `make lab` in its folder (or see README).")
    elif "//example.org/" in address and not os.path.isdir(folder):
        print(f"The course has no public address yet: upload it as {{folder}}, run this cell again.")
    else:
        for command in [install] if os.path.isdir(folder) else [clone, install]:
            if (done := subprocess.run(command, capture_output=True, text=True)).returncode:
                print("Failed:", done.stderr.split("fatal: ")[-1].split("ERROR: ")[-1].split("\\n")[0])
                break
        sys.path.insert(0, os.path.abspath(folder))  # found at once, without a new start of the kernel
"""


def version() -> str:
    """Return the course's version."""
    return re.search(r'^__version__ = "(.+)"', (ROOT / "course_utils" / "__init__.py").read_text("utf-8"), re.M)[1]


def address() -> str:
    """Return the course's public address; one at example.org is a placeholder."""
    return ADDRESS.search((ROOT / "pyproject.toml").read_text("utf-8"))[2]


def set_address(new: str) -> None:
    """Write `new` into pyproject.toml; refuse what git could not clone from."""
    new = new.rstrip("/").removesuffix(".git")
    if not re.fullmatch(r"(https?|file)://[^\s\"'\\]+", new):
        raise SystemExit(f"--address needs an address such as https://github.com/OWNER/REPO, got {new!r}")
    path = ROOT / "pyproject.toml"
    path.write_text(ADDRESS.sub(rf'\1"{new}"', path.read_text("utf-8")), "utf-8")


def colab_cell(version: str, address: str) -> str:
    """Return the source of the cell that fetches the course on Colab."""
    return COLAB_CELL.format(version=version, address=address).rstrip("\n")


def badge(file: str, version: str, address: str) -> str:
    """Return a link that opens notebook `file` on Colab, empty unless the course is hosted on GitHub."""
    found = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)", address)
    if not found:
        return ""
    return f"[Open in Colab](https://colab.research.google.com/github/{found[1]}/blob/v{version}/notebooks/{file})"


def stamp_badges(text: str, file: str, version: str, address: str) -> str:
    """Return `text` with each badge renewed: the one of `file`, or of the notebook that the first marker names."""

    def renewed(match: re.Match) -> str:
        named = match[1] or ""
        return f"<!-- badge{named} -->{badge(named.strip() or file, version, address)}<!-- /badge -->"

    return MARKERS.sub(renewed, text)


def stamp_notebook(notebook: dict, file: str, version: str, address: str) -> None:
    """Renew, in place, the Colab cell (made if there is none), the badge and the version in the set-up cell."""
    cells = notebook["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    colab = next((cell for cell in code if "colab" in cell["metadata"].get("tags", [])), None)
    if colab is None:
        colab = {"cell_type": "code", "id": "colab", "metadata": {}, "execution_count": None, "outputs": []}
        cells.insert(cells.index(code[0]) if code else len(cells), colab)
    colab["source"] = colab_cell(version, address).splitlines(keepends=True)
    tags = colab["metadata"].get("tags", [])
    folded = {"tags": tags if "colab" in tags else [*tags, "colab"], "jupyter": {"source_hidden": True}}
    colab["metadata"].update(folded, cellView="form")
    for cell in cells:
        text = old = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            text = stamp_badges(old, file, version, address)
        elif cell is not colab:
            text = re.sub(r'(session\.start\([^)]*?version=)"[^"]*"', rf'\1"{version}"', old)
        if text != old:
            cell["source"] = text.splitlines(keepends=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", help="first make this the course's public address")
    arguments = parser.parse_args()
    if arguments.address:
        set_address(arguments.address)
    files = [*sorted((ROOT / "notebooks").glob("*.ipynb")), ROOT / "README.md"]
    for path in [file for file in files if file.exists()]:
        old = path.read_text("utf-8")
        if path.suffix == ".ipynb":
            notebook = json.loads(old)
            stamp_notebook(notebook, path.name, version(), address())
            new = json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"  # as nbformat writes it
        else:
            new = stamp_badges(old, "00_start_here.ipynb", version(), address())
        if new != old:
            path.write_text(new, "utf-8", newline="\n")
            print(f"stamped {path.relative_to(ROOT)}")
    print(f"The course is version {version()} at {address()}; Colab fetches the tag v{version()} from there.")


if __name__ == "__main__":
    main()
