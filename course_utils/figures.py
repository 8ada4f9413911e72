"""One look for every figure: colours and letters that read on light and dark pages, and a text alternative for each."""

import base64
import html
import io

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib import patheffects
from matplotlib.collections import LineCollection
from matplotlib.patches import FancyBboxPatch

from course_utils.describe import describe
from course_utils.display import COLOURS

CYCLE = [COLOURS[name] for name in ("blue", "red", "green", "purple", "amber", "grey")]
HEIGHTS = matplotlib.colors.LinearSegmentedColormap.from_list("heights", [COLOURS["blue"], COLOURS["amber"]])
PLAIN = {"dtype": torch.float32, "device": "cpu"}  # whatever torch's defaults are
DPI, SHARPNESS = 100, 1.5  # pixels an inch on the page, and how many more are stored so that letters stay crisp


def use_style() -> None:
    """Set matplotlib's defaults for this course: no background, mid-grey letters, no box around a plot."""
    ink = COLOURS["grey"]
    plt.rcParams.update(
        {
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "figure.constrained_layout.use": True,
            "font.size": 11,
            "axes.titlesize": 11,
            "axes.labelsize": 11,
            "text.color": ink,
            "axes.edgecolor": ink,
            "axes.labelcolor": ink,
            "xtick.color": ink,
            "ytick.color": ink,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": matplotlib.cycler(color=CYCLE),
            "legend.frameon": False,
            "lines.linewidth": 1.8,
        }
    )


def new(columns: int = 1, rows: int = 1, *, width: float = 8.4, height: float = 3.2, **options):
    """Return a figure and its axes, `width` × `height` inches in all; `options` go to plt.subplots."""
    return plt.subplots(rows, columns, figsize=(width, height), **options)


def show(fig, alt: str) -> None:
    """Show `fig` as a PNG, and close it; its text alternative is the sentence `alt` and what the axes say.

    On a screen it is shown as HTML, since neither JupyterLab nor nbconvert gives a bare PNG its text alternative; the
    bare PNG is for what cannot show HTML, LaTeX for example.
    """
    from IPython.display import display
    from PIL import Image

    if not alt.strip():
        raise ValueError("show(fig, alt) needs a sentence that says what the figure shows, for those who cannot see it")
    drawn, buffer = io.BytesIO(), io.BytesIO()
    width, height = (round(side * DPI) for side in fig.get_size_inches())
    alt = f"{alt} {describe(fig)}".strip()
    fig.savefig(drawn, format="png", dpi=DPI * SHARPNESS)
    plt.close(fig)
    with Image.open(drawn) as picture:
        red, green, blue, _ = picture.split()
        if red.tobytes() == green.tobytes() == blue.tobytes():  # greys, a photograph perhaps: keep all of them
            picture = picture.convert("LA")
        elif picture.getcolors(20_000):  # a coloured drawing: 128 colours do, in a third of the bytes
            picture = picture.quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        else:  # colour photographs: no more pixels than are shown, in half the bytes
            picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        picture.save(buffer, "PNG", optimize=picture.mode != "LA")  # for greys it takes ten times as long, to save 7%
    image = base64.b64encode(buffer.getvalue()).decode("ascii")
    tag = f'<img src="data:image/png;base64,{image}" width="{width}" height="{height}" alt="{html.escape(alt)}">'
    display({"text/html": tag, "image/png": image, "text/plain": alt}, raw=True)


def diagram(boxes: dict, arrows: list[tuple], *, ax=None, size: tuple[float, float] = (1.7, 0.62)) -> None:
    """Draw the plan of an architecture: boxes {name: (x, y, text, colour)} of one size, arrows [(from, to), …].

    x and y are the middle of a box; `size` is its width and height, in the same units.
    """
    ax = ax or plt.gca()
    width, height = size
    drawn = {}
    for name, (x, y, text, colour) in boxes.items():
        corner, shape = (x - width / 2, y - height / 2), f"round,pad=0,rounding_size={height / 6}"
        look = {"edgecolor": COLOURS[colour], "facecolor": "none", "linewidth": 1.5}
        drawn[name] = ax.add_patch(FancyBboxPatch(corner, width, height, boxstyle=shape, **look))
        ax.text(x, y, text, ha="center", va="center", fontsize=10, linespacing=1.1)
    for start, end in arrows:
        ax.annotate(
            "",
            xy=boxes[end][:2],
            xytext=boxes[start][:2],
            arrowprops={
                "arrowstyle": "-|>",
                "color": COLOURS["grey"],
                "patchA": drawn[start],
                "patchB": drawn[end],
                "shrinkA": 1,
                "shrinkB": 1,
            },
        )
    xs, ys = ([box[i] for box in boxes.values()] for i in (0, 1))
    ax.set_xlim(min(xs) - width * 0.55, max(xs) + width * 0.55)
    ax.set_ylim(min(ys) - height * 0.7, max(ys) + height * 0.7)
    ax.axis("off")


def digits(x: torch.Tensor, *, ax=None, titles: list[str] | None = None) -> None:
    """Draw digits x (n, 784) or (n, 1, 28, 28) in a row, as ink on paper, with a title above each."""
    ax = ax or plt.gca()
    images = x.detach().reshape(-1, 28, 28)
    row = torch.cat([torch.nn.functional.pad(image, (2, 2), value=float(images.min())) for image in images], dim=1)
    ax.imshow(row, cmap="gray_r", interpolation="nearest")
    ax.set_xticks([]), ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    for i, title in enumerate(titles or []):
        ax.text(32 * i + 16, -2, title, ha="center", va="bottom", fontsize=10)


def connections(kind: str, *, ax=None) -> None:
    """Draw six units above eight inputs, joined fully, locally or convolutionally: a colour for every weight."""
    ax = ax or plt.gca()
    pairs = [(i, u) for u in range(6) for i in range(8) if kind == "fully" or u <= i < u + 3]
    shared = kind == "convolutionally"
    weights = [i - u if shared else k for k, (i, u) in enumerate(pairs)]
    colours = CYCLE[:3] if shared else plt.get_cmap("turbo")(np.linspace(0.05, 0.95, len(pairs)))
    colours = colours if shared else [colours[k * 11 % len(pairs)] for k in range(len(pairs))]  # neighbours differ
    for (i, u), weight in zip(pairs, weights, strict=True):
        ax.plot([i, u + 1], [0, 1], color=colours[weight], linewidth=1.2, zorder=0)
    for count, start, height in ((8, 0, 0), (6, 1, 1)):
        ax.plot(range(start, start + count), [height] * count, "o", color=COLOURS["grey"], markersize=6)
    ax.set_title(f"{kind}: {len(set(weights))} weights")
    ax.axis("off")


def photo(x: torch.Tensor, *, ax=None, title: str = "", signed: bool = False) -> None:
    """Draw x (H, W) in grey, black at its least value, with 0 in the middle if `signed`; or (H, W, 3) in colour."""
    ax = ax or plt.gca()
    limits = {"vmin": -x.abs().max(), "vmax": x.abs().max()} if signed else {}
    ax.imshow(x, cmap="gray", **limits)
    ax.set_title(title)
    ax.axis("off")


def scene(x: torch.Tensor, *, ax=None, boxes=(), labels=(), colour: str = "red", below: bool = False) -> None:
    """Draw an image x (1, H, W) as ink on paper, with boxes (k, 4) on it, each with one of `labels`, if any, on top.

    With `below` the labels are below the boxes, so that two calls can label the same place.
    """
    ax = ax or plt.gca()
    height, width = x.shape[-2:]
    ax.imshow(x[0], cmap="gray_r", interpolation="nearest", extent=(0, width, height, 0))
    _frame(ax)
    outline = [patheffects.withStroke(linewidth=2, foreground="white")]  # to be read on ink
    for i, (left, top, right, bottom) in enumerate(torch.as_tensor(boxes).tolist()):
        ax.add_patch(plt.Rectangle((left, top), right - left, bottom - top, fill=False, ec=COLOURS[colour], lw=1.3))
        if len(labels):
            word = labels[i] if isinstance(labels[i], str) else f"{int(labels[i])}"
            y, side = (bottom + 0.8, "top") if below else (top - 0.8, "bottom")
            ax.text(left, y, word, color=COLOURS[colour], fontsize=9, va=side, path_effects=outline)


def masks(masks: torch.Tensor, *, ax=None) -> None:
    """Draw masks (k, H, W) on paper, each in a colour of its own; colours mix where masks overlap."""
    ax = ax or plt.gca()
    height, width = masks.shape[-2:]
    paper = torch.ones(height, width, 3, **PLAIN)
    for mask, colour in zip(masks, CYCLE, strict=False):
        paper[mask] *= torch.tensor(matplotlib.colors.to_rgb(colour), **PLAIN)
    ax.imshow(paper, interpolation="nearest", extent=(0, width, height, 0))
    _frame(ax)


def _frame(ax) -> None:
    """Put a thin line around a picture, in place of axes."""
    ax.set_xticks([]), ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(visible=True, linewidth=0.6)


def surface(f, *, ax=None, span: float = 1.5, levels: int = 18) -> None:
    """Draw the level lines of f, a function of points w (..., 2) with values (...), over -span..span in both."""
    ax = ax or plt.gca()
    axis = torch.linspace(-span, span, 121, **PLAIN)
    w = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    heights = f(w).detach().clamp(min=0).sqrt()  # the root spreads the lines evenly over a bowl
    ax.contour(axis, axis, heights, levels=levels, cmap=HEIGHTS, linewidths=0.8)
    ax.set_aspect("equal")
    ax.set_xlabel("weight $w_1$"), ax.set_ylabel("weight $w_2$")


def trail(path: torch.Tensor, *, ax=None, colour: str = "red", label: str = "", span: float = 1.5) -> None:
    """Draw the points of a descent, path (steps, 2), joined in order, with a ring at the start; cut off at ±span."""
    ax = ax or plt.gca()
    path = path.detach()
    ax.plot(*path.T, "o-", color=COLOURS[colour], markersize=3, linewidth=1.2, label=label)
    ax.plot(*path[0], "o", markersize=9, markerfacecolor="none", color=COLOURS[colour])
    ax.set_xlim(-span, span), ax.set_ylim(-span, span)


def points(x: torch.Tensor, y: torch.Tensor, *, ax=None) -> None:
    """Draw points x (n, 2) of two classes y (n,): circles for class 0, crosses for class 1."""
    ax = ax or plt.gca()
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"points draws points of the plane: x must be (n, 2), got {tuple(x.shape)}")
    x = x.detach()
    ax.scatter(*x[y == 0].T, s=14, marker="o", facecolor="none", edgecolor=COLOURS["blue"], label="class 0")
    ax.scatter(*x[y == 1].T, s=16, marker="x", color=COLOURS["red"], linewidth=1.2, label="class 1")


def grid(f, *, ax=None, span: float = 1.5, lines: int = 13) -> None:
    """Draw a square grid of the plane after f, a function of points (n, 2) to points (n, 2), has moved it."""
    ax = ax or plt.gca()
    along = torch.linspace(-span, span, 80, **PLAIN)
    across = torch.linspace(-span, span, lines, **PLAIN)
    flat = torch.stack(torch.meshgrid(across, along, indexing="ij"), dim=-1)  # (lines, 80, 2)
    moved = f(torch.cat([flat, flat.flip(-1)]).reshape(-1, 2)).detach().reshape(2 * lines, 80, 2)
    ax.add_collection(LineCollection(moved.numpy(), colors=COLOURS["grey"], linewidths=0.5, alpha=0.7, zorder=0))
    ax.autoscale_view()
