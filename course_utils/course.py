"""The course's contents, which README and notebook 00 draw on, and the learner's way through them.

A notebook file that `NOTEBOOKS` does not name is a draft: it is tested as far as it is, and is "to come" in the maps.
"""

import re
from pathlib import Path
from typing import NamedTuple

from course_utils import display, progress, progress_file


class Notebook(NamedTuple):
    """One notebook: what it follows, its file in notebooks/ ("" until it is published), the seconds it may take."""

    number: str
    title: str
    guide: str
    file: str = ""
    seconds: int = 120


NOTEBOOKS = [
    Notebook("00", "Start here", "Before you begin; the three authors", "00_start_here.ipynb"),
    Notebook(
        "01",
        "Train a network by gradient descent",
        "2015: conventional learning, gradient descent, basics, activations, forward and back propagation",
        "01_gradient_descent.ipynb",
    ),
    Notebook(
        "02",
        "Recognise and locate with convolutions",
        "2015: connections, convolution, pooling, feature maps, classification, detection, segmentation",
        "02_convolutional_networks.ipynb",
    ),
    Notebook(
        "03",
        "Remember with recurrent networks",
        "2015: recurrent networks, thought vectors, LSTM",
        "03_recurrent_networks.ipynb",
        seconds=150,
    ),
    Notebook(
        "04",
        "Attend with transformers",
        "2021: self-supervised learning, soft attention",
        "04_transformers.ipynb",
        seconds=150,
    ),
    Notebook(
        "05",
        "Duel: generative adversarial networks",
        "2021: adversarial training, style transfer",
        "05_generative_adversarial_networks.ipynb",
        seconds=150,
    ),
    Notebook(
        "06",
        "Pull together, push apart: contrastive learning",
        "2021: contrastive learning, Siamese nets",
        "06_contrastive_learning.ipynb",
        seconds=150,
    ),
    Notebook(
        "07",
        "Compress to noise: variational autoencoders",
        "2021: variational auto-encoders",
        "07_variational_autoencoders.ipynb",
        seconds=150,
    ),
    Notebook(
        "08",
        "Shape a landscape: energy-based models",
        "2021: energy-based models, contrastive divergence",
        "08_energy_based_models.ipynb",
        seconds=150,
    ),
    Notebook("09", "Go deep: depth and pre-training", "2021: depth, dropout, normalisation, pre-training"),
    Notebook("10", "Attend to anything: sets, graphs, boxes, formulas", "2021: what attention can operate on"),
    Notebook("11", "Hold meanings: word vectors and memory networks", "2015: distributed representations, memory"),
    Notebook("12", "Open questions", "2021: the future of deep learning"),
]


def belongs(file: str) -> bool:
    """Tell whether a notebook of this name is the course's own, published or a draft; all others are the learner's."""
    return bool(re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", file))


def files(folder: Path, *, drafts: bool = True) -> list[Path]:
    """Return the course's notebooks in `folder` in order, with or without drafts."""
    published = {notebook.file for notebook in NOTEBOOKS}
    return sorted(p for p in folder.glob("*.ipynb") if belongs(p.name) and (drafts or p.name in published))


def show(exercises: dict[str, list[str]] | None = None) -> display.Shown:
    """Return the map of the course: what each notebook follows, what is passed there, what is next, what each one took.

    `exercises` are the names in each notebook, {number: names}; by default all that are declared.
    """
    if exercises is None:
        from course_utils.exercises import by_notebook

        exercises = {number: [one.name for one in some] for number, some in by_notebook().items()}
    kept, trouble = progress.load()
    entries = kept["exercises"]
    rows, left = [], []
    for notebook in NOTEBOOKS:
        names = exercises.get(notebook.number, []) if notebook.file else []
        open_ones = [name for name in names if not entries.get(f"{notebook.number}/{name}", {}).get("passed")]
        done = len(names) - len(open_ones)
        count = "●" * done + "○" * len(open_ones) + f"\u00a0{done}\u00a0of\u00a0{len(names)}"
        state = (count if names else "no exercises") if notebook.file else "to come"
        rows.append([f"{notebook.number} {notebook.title}", notebook.guide, state])
        left += [(name, notebook.number) for name in open_ones]
    if left and not entries and not trouble:
        advice = f"All is ready for you. Open notebook {left[0][1]}; its first exercise is `{left[0][0]}`."
    elif left:
        advice = f"next: exercise `{left[0][0]}` in notebook {left[0][1]}"
    else:
        advice = "Every exercise there is so far is passed." if entries else "There are no exercises yet."
    parts = [display.table(["notebook", "follows in the guide", "exercises passed"], rows, caption="The course")]
    begun = [_row(key, entry) for key, entry in sorted(entries.items())]
    headers = ["exercise", "minutes until passed", "checks", "hints", "solution"]
    parts += [display.table(headers, begun, caption="What each exercise took")] if begun else []
    obstacle = progress_file.obstacle(progress.path())
    parts += [display.message(trouble, "bad")] if trouble and not obstacle else []
    where = f"Your progress is kept in `{progress_file.place(progress.path())}`."
    parts += [display.message(obstacle, "bad") if obstacle else display.message(where), display.message(advice, "hint")]
    return display.Shown(markup="".join(p.markup for p in parts), text="\n".join(p.text for p in parts))


def _row(key: str, entry: dict) -> list[str]:
    """Return what the exercise `key` took, from its entry in the progress file; what is not known stays empty."""
    took = progress.minutes(entry)
    return [
        key.replace("/", " "),
        f"{took:.0f}" if took is not None else "passed" if entry.get("passed") else "not passed",
        str(entry.get("attempts", "")),
        str(entry.get("hints", "")),
        "seen" if entry.get("solution") else "",
    ]
