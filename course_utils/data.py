"""Real data from the data/ folder, checked against its sha256 list, as plain tensors; and generated 2-D sets."""

import contextlib
import hashlib
import math
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, Sampler, SequentialSampler, TensorDataset

from course_utils import again

MNIST_MEAN, MNIST_STD = 0.1307, 0.3081  # of the training pixels, scaled to 0..1
INK = 127  # a pixel darker than this belongs to a digit's mask
CANVAS = 64  # width and height of a scene
SHAPES = ("blobs", "moons", "circles", "spirals", "xor")


def data_dir() -> Path:
    """Return the course's data/ folder: the one COURSE_DATA names, else beside course_utils, else above this folder."""
    named = os.environ.get("COURSE_DATA")
    beside = Path(__file__).resolve().parents[1] / "data"
    places = [Path(os.path.expanduser(named)) if named else beside]
    with contextlib.suppress(FileNotFoundError):  # the current folder was deleted
        here = Path.cwd()
        places += [] if named else [folder / "data" for folder in (here, *here.parents)]
    for place in places:
        if os.path.isfile(place / "manifest.json"):
            return place
    if not named and os.path.isdir(beside):
        raise FileNotFoundError(f"data/manifest.json is missing or no file: {again.restore('manifest.json', beside)}")
    looked = f"COURSE_DATA names {named}" if named else "course_utils is not inside the course's folder"
    raise FileNotFoundError(
        f"the course's data/ folder with its manifest.json was not found: {looked}; "
        "set the environment variable COURSE_DATA to the data/ folder of the course"
    )


def is_manifest(manifest: object) -> bool:
    """Tell whether a manifest has the size, the sha256 and the rebuilding command of every file."""
    kinds = {"bytes": int, "sha256": str, "rebuild": str}
    entry = lambda one: isinstance(one, dict) and all(isinstance(one.get(key), kind) for key, kind in kinds.items())
    return isinstance(manifest, dict) and bool(manifest) and all(map(entry, manifest.values()))


def verified(name: str) -> Path:
    """Return the path of data/`name` once its size and sha256 are those of data/manifest.json; refuse it otherwise."""
    folder = data_dir()
    manifest = again.read_json("manifest.json", folder, is_manifest)
    if name not in manifest:
        raise ValueError(f"data/{name} is not listed in data/manifest.json; listed are {', '.join(sorted(manifest))}")
    path, listed = folder / name, manifest[name]
    repair = f"{restore(name)}, or rebuild it with `{listed['rebuild']}`"
    try:
        stat = path.stat()
        if not path.is_file():
            raise ValueError(f"data/{name} is no file: move away what is in its place, and {repair}")
        if stat.st_size != listed["bytes"]:
            raise ValueError(f"data/{name} has {stat.st_size:,} bytes instead of {listed['bytes']:,}: {repair}")
        if _sha256(str(path), stat.st_size, stat.st_mtime_ns) != listed["sha256"]:
            raise ValueError(f"data/{name} is damaged, its sha256 is not the listed one: {repair}")
    except FileNotFoundError:
        raise FileNotFoundError(f"data/{name} is missing: {repair}") from None
    except OSError as error:
        raise ValueError(f"{again.unreadable(name, error)} {repair}") from None
    return path


def restore(name: str) -> str:
    """Return how to get data/`name` again."""
    return again.restore(name, data_dir())


@lru_cache
def _sha256(path: str, size: int, mtime: int) -> str:
    """Return a file's sha256, once for as long as its size and time stay the same."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def mnist(split: str, *, standardise: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the digits x (N, 1, 28, 28) and their labels y (N,) of `split`: 60,000 for "train", 10,000 for "test".

    x is float32 with mean 0 and standard deviation 1 over the training pixels; `standardise=False` gives the
    original bytes, 0 (paper) to 255 (ink). Source: LeCun, Cortes and Burges' MNIST database, see data/README.md.
    """
    if split not in ("train", "test"):
        raise ValueError(f'mnist(split) takes "train" or "test", got {split!r}')
    path = verified("mnist.npz")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
    except (BadZipFile, KeyError, OSError, ValueError):
        raise ValueError(f"data/mnist.npz cannot be read: {restore('mnist.npz')}") from None
    x, y = torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels).long()
    if standardise:
        x = x.float().sub_(255 * MNIST_MEAN).div_(255 * MNIST_STD)
    return x, y


def letters(n: int, *, alphabet: str, seed: int) -> torch.Tensor:
    """Return n letters x (n, 1, 28, 28), drawn at random from `alphabet` and six fonts of matplotlib's.

    Bytes, 0 (paper) to 255 (ink), made like MNIST's digits: at most 20 pixels wide and high, centred by their mass.
    """
    from matplotlib.font_manager import FontProperties, findfont
    from PIL import Image, ImageDraw, ImageFont

    if not alphabet or not alphabet.isascii() or not alphabet.isalnum():
        raise ValueError(f'letters(alphabet=) takes letters and digits such as "ABC", got {alphabet!r}')
    generator, drawn = torch.Generator("cpu").manual_seed(seed), []
    for family in ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono"):
        for weight in ("normal", "bold"):
            font = ImageFont.truetype(findfont(FontProperties(family=family, weight=weight)), 104)
            for letter in alphabet:
                sheet = Image.new("L", (160, 160))
                ImageDraw.Draw(sheet).text((80, 80), letter, font=font, fill=255, anchor="mm")
                cut = sheet.crop(sheet.getbbox())
                size = [max(1, round(side * 20 / max(cut.size))) for side in cut.size]
                ink = torch.from_numpy(np.array(cut.resize(size, Image.Resampling.BOX)))
                drawn.append(_centred(ink))
    chosen = torch.randint(len(drawn), (n,), generator=generator, device="cpu")
    return torch.stack(drawn)[chosen].unsqueeze(1)


def _centred(ink: torch.Tensor) -> torch.Tensor:
    """Return ink (h, w) on paper (28, 28), its centre of mass in the middle, as far as it fits."""
    height, width = ink.shape
    rows, columns = ink.float().sum(1), ink.float().sum(0)
    middle = [(side * torch.arange(len(side), device="cpu")).sum() / side.sum() for side in (rows, columns)]
    top, left = (min(max(round(13.5 - m.item()), 0), 28 - s) for m, s in zip(middle, ink.shape, strict=True))
    paper = torch.zeros(28, 28, dtype=torch.uint8, device="cpu")
    paper[top : top + height, left : left + width] = ink
    return paper


def photo(name: str) -> torch.Tensor:
    """Return a real photograph as a tensor (3, height, width) of float32 in 0..1; `name` is "china" or "flower"."""
    from PIL import Image

    if name not in ("china", "flower"):
        raise ValueError(f'photo(name) takes "china" or "flower", got {name!r}')
    path = verified(f"photos/{name}.png")
    try:
        with Image.open(path) as image:
            pixels = np.array(image.convert("RGB"))
    except (OSError, ValueError):
        raise ValueError(f"data/photos/{name}.png cannot be read: {restore(f'photos/{name}.png')}") from None
    return torch.from_numpy(pixels).permute(2, 0, 1).float().div_(255)


def shapes(name: str, n: int, *, noise: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `n` points x (n, 2) of two classes y (n,), half in each, drawn as `name` says; `noise` is in x's units.

    `name` is one of "blobs", "moons", "circles", "spirals" and "xor"; all lie within about -1.5 to 1.5.
    """
    if name not in SHAPES:
        raise ValueError(f"shapes(name) takes one of {', '.join(SHAPES)}, got {name!r}")
    generator = torch.Generator("cpu").manual_seed(seed)
    kind = {"dtype": torch.float32, "device": "cpu"}  # whatever torch's defaults are
    y = torch.arange(n, device="cpu") % 2
    t = torch.rand(n, generator=generator, **kind)
    side = 2 * y.float() - 1  # -1 for class 0, +1 for class 1
    if name == "blobs":
        x = torch.stack([0.7 * side, 0.4 * side], dim=1)
    elif name == "moons":
        angle = math.pi * t
        x = torch.stack([torch.cos(angle) * -side - 0.5 * side, torch.sin(angle) * -side + 0.25 * side], dim=1)
        x = x * torch.tensor([0.85, 1.0], **kind)
    elif name == "circles":
        angle, radius = 2 * math.pi * t, 1.2 - 0.7 * y.float()
        x = torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)
    elif name == "spirals":
        angle, radius = 3 * math.pi * t.sqrt() + math.pi * y.float(), 1.3 * t.sqrt()
        x = torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)
    else:  # xor: opposite corners belong together
        corner = 1 - 2 * (torch.rand(n, generator=generator, **kind) < 0.5).float()
        x = 0.8 * torch.stack([corner, corner * -side], dim=1)
    return x + noise * torch.randn(n, 2, generator=generator, **kind), y


class Scenes(NamedTuple):
    """Hold N scenes of up to K digits on a canvas of 64 × 64; boxes are (left, top, right, bottom) in pixels."""

    x: torch.Tensor  # (N, 1, 64, 64), standardised like the digits
    boxes: torch.Tensor  # (N, K, 4), the smallest box around each mask; zeros where there is no digit
    labels: torch.Tensor  # (N, K), -1 where there is no digit
    masks: torch.Tensor  # (N, K, 64, 64), whether a pixel is a digit's ink, also where another digit crosses it


def scenes(split: str, n: int, *, seed: int, digits: tuple[int, int] = (1, 4)) -> Scenes:
    """Return `n` scenes of 64 × 64 pixels composed of `split`'s own digits ("train" or "test").

    The numbers of digits, from digits[0] to digits[1], occur equally often; box centres keep 12 pixels apart, so that
    digits overlap but stay legible. A digit returns only when every other of the split has been used: 4,000 scenes of
    1 to 4 digits hold each test digit once.
    """
    least, most = digits
    if not 1 <= least <= most <= 4:
        raise ValueError(f"scenes hold one to four digits: digits=(1, 4), or numbers between; got digits={digits}")
    generator = torch.Generator("cpu").manual_seed(seed)
    images, classes = mnist(split, standardise=False)
    shuffled = lambda size: torch.randperm(size, generator=generator, device="cpu")
    count = (torch.arange(n, device="cpu") % (most - least + 1) + least)[shuffled(n)]
    present = torch.arange(most, device="cpu") < count[:, None]  # (n, K)
    decks = [shuffled(len(images)) for _ in range(-(-int(count.sum()) // len(images)))]
    chosen = torch.zeros(n, most, dtype=torch.long, device="cpu")
    chosen[present] = torch.cat(decks)[: int(count.sum())]
    labels = classes[chosen].masked_fill(~present, -1)
    parts = []
    for some, there in zip(chosen.split(1000), present.split(1000), strict=True):  # in parts that stay in the cache
        parts.append(_compose(images[some, 0] * there[:, :, None, None], there, generator))
    x, boxes, masks = (torch.cat(part) for part in zip(*parts, strict=True))
    return Scenes(x.float().sub_(255 * MNIST_MEAN).div_(255 * MNIST_STD), boxes, labels, masks)


def _compose(images: torch.Tensor, present: torch.Tensor, generator: torch.Generator) -> tuple:
    """Place digits (n, K, 28, 28) on canvases; return x (n, 1, 64, 64) in bytes, boxes and masks as in Scenes."""
    n, most = present.shape
    tight = torch.cat([_extent(images.amax(2) > INK), _extent(images.amax(3) > INK)], dim=2)[:, :, [0, 2, 1, 3]]
    middle = (tight[:, :, :2] + tight[:, :, 2:]).float() / 2
    corner = torch.zeros(n, most, 2, dtype=torch.long, device="cpu")
    scene = torch.arange(n, device="cpu")
    for k in range(most):  # of 40 random places the first that is far enough from the digits already placed
        tries = torch.randint(CANVAS - 27, (n, 40, 2), generator=generator, device="cpu")
        apart = (tries + middle[:, k, None])[:, :, None] - (corner + middle)[:, None, :k]  # (n, 40, k, 2)
        nearest = apart.norm(dim=3).amin(2).clamp(max=12) if k else torch.ones(n, 40, device="cpu")
        corner[:, k] = tries[scene, nearest.argmax(1)]
    columns, rows = (corner[:, :, axis, None] + torch.arange(28, device="cpu") for axis in (0, 1))  # (n, K, 28)
    layers = torch.zeros(n, most, CANVAS, CANVAS, dtype=torch.uint8, device="cpu")
    layer = torch.arange(most, device="cpu")[:, None, None]
    layers[scene[:, None, None, None], layer, rows[..., None], columns[:, :, None]] = images
    boxes = (tight + corner.repeat(1, 1, 2)) * present[:, :, None]
    return layers.amax(1, keepdim=True), boxes.float(), layers > INK


def _extent(ink: torch.Tensor) -> torch.Tensor:
    """Return where the first true entry of ink (..., 28) begins and the last one ends, (..., 2)."""
    first = ink.int().argmax(-1)
    return torch.stack([first, 28 - ink.flip(-1).int().argmax(-1)], dim=-1)


class Shuffled(Sampler):
    """The numbers below `n`, each time in another order: those of torch's RandomSampler, drawn on the CPU."""

    def __init__(self, n: int, *, seed: int):
        self.n, self.generator = n, torch.Generator("cpu").manual_seed(seed)

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[int]:
        draw = lambda: torch.randperm(self.n, generator=self.generator, device="cpu")
        yield from draw().tolist()
        draw()  # as RandomSampler does, so that the later orders are the same, too


class CPULoader(DataLoader):
    """A DataLoader that works on the CPU, whatever torch's default device is."""

    def __iter__(self) -> Iterator:
        with torch.device("cpu"):
            return super().__iter__()


def loader(
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    batch_size: int,
    shuffle: bool,
    seed: int = 0,
    transform: Callable | None = None,
) -> DataLoader:
    """Return a DataLoader of batches (x, y) over tensors in memory; `seed` fixes the order of a shuffled one.

    A whole batch is indexed at once, which is many times faster than collecting it example by example. `transform`
    is called on each batch's x.
    """
    if len(x) != len(y):
        raise ValueError(f"loader(x, y) pairs examples with labels: got {len(x)} examples and {len(y)} labels")
    dataset = TensorDataset(x, y)
    order = Shuffled(len(x), seed=seed) if shuffle else SequentialSampler(dataset)
    finish = (lambda batch: (transform(batch[0]), batch[1])) if transform else None
    batches = BatchSampler(order, batch_size, drop_last=False)
    return CPULoader(dataset, sampler=batches, batch_size=None, collate_fn=finish)
