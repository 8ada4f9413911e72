"""Write what is derived from elsewhere into the notebooks, README and RESULTS.md: python tools/stamp.py

    python tools/stamp.py                                          after a measurement, a new version, a new notebook
    python tools/stamp.py --address https://github.com/OWNER/REPO  once the course is hosted there

The version is in course_utils/__init__.py, the address in pyproject.toml ([project.urls] Repository), the contents in
course_utils/course.py, what was measured in data/records/, and nowhere else by hand. From them come: the folded cell
that fetches the course on Colab; the version in `session.start(...)`; RESULTS.md; and whatever is between the markers
`<!-- name -->` and `<!-- /name -->`: badge, cost and training in notebooks, badge, map and ratios in README.
"""

import argparse
import re
from pathlib import Path

import nbformat
from run import ROOT

from course_utils import __version__, claims, course, files, records

ADDRESS = re.compile(r'^(Repository = )"(.*)"$', re.MULTILINE)
NOT_YET = "not yet measured"

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
        print("This kernel does not have the course: `make lab`, or see README (VS Code, Kaggle).")
    elif "//example.org/" in address and not os.path.isdir(folder):
        print(f"The course has no public address yet: upload it as {{folder}}, run this again.")
    else:
        for command in [install] if os.path.isdir(folder) else [clone, install]:
            if (ran := subprocess.run(command, capture_output=True, text=True)).returncode:
                print("Failed:", ran.stderr.split("fatal: ")[-1].split("ERROR: ")[:2][-1].split("\\n")[0])
                break
        sys.path.insert(0, os.path.abspath(folder))  # found at once, without a new start of the kernel
"""


def address(root: Path = ROOT) -> str:
    """Return the course's public address; one at example.org is a placeholder."""
    return ADDRESS.search((root / "pyproject.toml").read_text("utf-8"))[2]


def set_address(new: str, root: Path = ROOT) -> None:
    """Write `new` into pyproject.toml; refuse what git could not clone from."""
    new = new.rstrip("/").removesuffix(".git")
    if not re.fullmatch(r"(https?|file)://[^\s\"'\\]+", new):
        raise SystemExit(f"--address needs an address such as https://github.com/OWNER/REPO, got {new!r}")
    path = root / "pyproject.toml"
    files.write(path, ADDRESS.sub(rf'\1"{new}"', path.read_text("utf-8")))


def colab_cell(address: str) -> str:
    """Return the source of the cell that fetches the course on Colab."""
    return COLAB_CELL.format(version=__version__, address=address).rstrip("\n")


def badge(file: str, address: str) -> str:
    """Return a link that opens notebook `file` on Colab, empty unless the course is hosted on GitHub."""
    found = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)", address)
    if not found:
        return ""
    return f"[Open in Colab](https://colab.research.google.com/github/{found[1]}/blob/v{__version__}/notebooks/{file})"


def between(text: str, **parts: str) -> str:
    """Return `text` with what is between the markers <!-- name --> and <!-- /name --> replaced, for each name."""
    for name, new in parts.items():
        marked = re.compile(rf"(<!-- {name} -->).*?(<!-- /{name} -->)", re.DOTALL)
        text = marked.sub(lambda match, new=new: match[1] + new + match[2], text)
    return text


def stamp_notebook(notebook: nbformat.NotebookNode, file: str, address: str, costs: dict) -> None:
    """Renew, in place, all that is derived in a notebook; the Colab cell is made if there is none."""
    cells = notebook.cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    colab = next((cell for cell in code if "colab" in cell.metadata.get("tags", [])), None)
    if colab is None:
        colab = nbformat.v4.new_code_cell(id="colab")
        cells.insert(cells.index(code[0]) if code else len(cells), colab)
    colab.source = colab_cell(address)
    colab.metadata |= {"tags": ["colab"], "jupyter": {"source_hidden": True}, "cellView": "form"}
    cost = NOT_YET
    if costs:
        gigabytes = max(0.1, costs["peak_mb"] / 1000)
        cost = f"about {costs['seconds']} seconds on two CPU cores, with {gigabytes:.1f} GB of memory"
    training = f"{costs.get('training_seconds')} seconds" if costs else NOT_YET
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = between(cell.source, badge=badge(file, address), cost=cost, training=training)
        elif cell is not colab:
            pattern = r'(session\.start\([^)]*?version=)"[^"]*"'
            cell.source = re.sub(pattern, rf'\1"{__version__}"', cell.source)


def readme(text: str, address: str, costs: dict) -> str:
    """Return README's text with its badge, its map of the course and its ratios renewed."""
    rows = ["", "| | Notebook | Follows the guide's | Runs in |", "|---|---|---|---|"]
    for book in course.NOTEBOOKS:
        title = f"[{book.title}](notebooks/{book.file})" if book.file else book.title
        taken = costs.get("notebooks", {}).get(book.number) if book.file else None
        time = f"{taken['seconds']} s, {taken['peak_mb'] / 1000:.1f} GB" if taken else "to come"
        rows.append(f"| {book.number} | {title} | {book.guide} | {time} |")
    ratios = NOT_YET
    if "loader_ratio" in costs:
        overhead = max(0.5, costs["loop_overhead_percent"])  # below that the measurement itself is not surer
        ratios = (
            f"The course's loader delivers **{costs['loader_ratio']:.0f} times** as many images a second of CPU time "
            f"as torchvision's MNIST with its usual transforms in a `DataLoader`; the training loop costs "
            f"**{overhead:.1f}%** more CPU time than the bare five lines, or less."
        )
    link = badge(course.NOTEBOOKS[0].file, address)
    return between(text, badge=link, map="\n".join([*rows, ""]), ratios=ratios)


def results() -> str:
    """Return RESULTS.md: every claim of the published notebooks, over the recorded seeds."""
    parts = [
        "# What was measured",
        "Every claim of every notebook, with its range over seeds 0 to 4 on the full test sets. ✔ says that a claim "
        "held under each of these seeds. Some bounds were fixed beforehand, by a published number or by mathematics; "
        "others after a first look, and then ✔ says no more than that the result repeats. “Against” marks where the "
        "experiment and the wording of the guide or of a paper differ.",
        "Written by `tools/stamp.py` from `data/records/claims.json`.",
    ]
    for book in course.NOTEBOOKS:
        if book.file:
            parts += [
                f"## {book.number} · [{book.title}](notebooks/{book.file})",
                claims.record_table(book.number),
            ]
    return "\n\n".join(parts) + "\n"


def derived(root: Path = ROOT) -> dict[Path, str]:
    """Return the text that every derived file, or file with derived parts, should have."""
    records.checked("claims")  # a damaged record is an error here, not a table without numbers
    costs, here = records.checked("costs"), address(root)
    texts = {root / "RESULTS.md": results()}
    if (root / "README.md").exists():
        texts[root / "README.md"] = readme((root / "README.md").read_text("utf-8"), here, costs)
    for path in course.files(root / "notebooks"):
        notebook = nbformat.read(path, as_version=4)
        stamp_notebook(notebook, path.name, here, costs.get("notebooks", {}).get(path.name[:2], {}))
        texts[path] = nbformat.writes(notebook) + "\n"
    return texts


def stale(root: Path = ROOT) -> list[Path]:
    """Return the files that are not as they should be."""
    texts = derived(root)
    return [path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text]


def main(words: list[str] | None = None, root: Path = ROOT) -> None:
    """Write every file that is stale; with --address, first make that the course's public address."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", help="first make this the course's public address")
    new = parser.parse_args(words).address
    if new:
        set_address(new, root)
    texts = derived(root)
    for path in stale(root):
        files.write(path, texts[path])
        print(f"stamped {path.relative_to(root)}")
    print(f"The course is version {__version__} at {address(root)}; Colab fetches the tag v{__version__} from there.")


if __name__ == "__main__":
    main()
