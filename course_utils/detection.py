"""Score detections as the COCO benchmark does, and fetch windows from scenes; the ideas are in notebook 02."""

import math
from typing import NamedTuple

import numpy as np
import torch


class Detections(NamedTuple):
    """Hold D objects detected in any number of scenes; boxes are (left, top, right, bottom) in pixels."""

    scene: torch.Tensor  # (D,), the index of the scene
    boxes: torch.Tensor  # (D, 4)
    labels: torch.Tensor  # (D,)
    scores: torch.Tensor  # (D,), how sure; only their order counts


def match(found: Detections, boxes: torch.Tensor, labels: torch.Tensor, *, iou: float) -> torch.Tensor:
    """Return for each detection the index of the true object that it hits, -1 for none: (D,).

    boxes (N, K, 4) and labels (N, K) are the true ones of N scenes, with label -1 where there is no object. The surest
    detection chooses first: among the free objects of its class and scene it takes the one that it overlaps most, if
    their intersection over union (IoU) is at least `iou`.
    """
    overlap = _iou(found.boxes[:, None].double(), boxes[found.scene].double())  # (D, K)
    overlap[found.labels[:, None] != labels[found.scene]] = -1
    scene, rows, taken = found.scene.tolist(), overlap.tolist(), set()
    hit = [-1] * len(rows)
    for i in found.scores.argsort(descending=True, stable=True).tolist():
        free = [(value, k) for k, value in enumerate(rows[i]) if value >= iou and (scene[i], k) not in taken]
        if free:
            hit[i] = max(free)[1]
            taken.add((scene[i], hit[i]))
    return torch.tensor(hit, dtype=torch.long, device=found.scene.device)


def average_precision(hits: torch.Tensor, objects: int) -> float:
    """Return the mean, over the recalls 0, 0.01, … 1, of the best precision at that recall or a higher one.

    hits (D,) says of each detection, the surest first, whether it is right; `objects`, at least 1, is the number of
    true ones. This is COCO's definition (Lin and others, 2014).
    """
    found = hits.double().cumsum(0)
    precision = found / torch.arange(1, len(hits) + 1, device=hits.device)
    best = torch.cat([precision.flip(0).cummax(0).values.flip(0), found.new_zeros(1)])
    recalls = torch.from_numpy(np.linspace(0, 1, 101))  # NumPy's, as COCO's: torch's differ in the last bit
    reached = torch.searchsorted(found / objects, recalls.to(hits.device))
    return best[reached].mean().item()


def mean_average_precision(found: Detections, boxes: torch.Tensor, labels: torch.Tensor, *, iou: float) -> float:
    """Return the average precision, from 0 to 1, averaged over the classes that occur; arguments as in `match`."""
    right = match(found, boxes, labels, iou=iou) >= 0
    order = found.scores.argsort(descending=True, stable=True)
    classes = labels[labels >= 0].unique().tolist()
    each = [average_precision(right[order][found.labels[order] == c], int((labels == c).sum())) for c in classes]
    return sum(each) / len(each) if each else math.nan


def _iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the IoU of boxes (..., 4) with boxes (..., 4), broadcast."""
    sides = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)
    both, areas = sides.prod(-1), [(box[..., 2:] - box[..., :2]).prod(-1) for box in (a, b)]
    return both / (areas[0] + areas[1] - both)


def cut(
    planes: torch.Tensor, index: torch.Tensor, corner: torch.Tensor, *, outside: float | torch.Tensor = 0
) -> torch.Tensor:
    """Return windows (m, 32, 32) out of planes[index], with `outside` where they reach over the edge.

    planes (N, S, S), index (m,), corner (m, 2): x, y.
    """
    at = corner[:, None] + torch.arange(32, device=corner.device)[:, None]  # (m, 32, 2): the windows' columns and rows
    there = at.clamp(0, planes.shape[1] - 1)
    windows = planes[index[:, None, None], there[:, :, 1, None], there[:, None, :, 0]]
    column, row = (at != there).unbind(2)
    return windows.masked_fill_(row[:, :, None] | column[:, None, :], outside)


def look(x: torch.Tensor, index: torch.Tensor, boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a window around the middle of each box (m, 4) in the scenes x[index], and the windows' corners (m, 2).

    The windows (m, 2, 32, 32) have two channels: the scene's ink, 0 for paper, and 1 inside the box; x is (N, 1, S, S).
    """
    corner = ((boxes[:, :2] + boxes[:, 2:]) / 2).round().long() - 16
    ink = cut(x[:, 0], index, corner, outside=x.min()) - x.min()
    pixel, here = torch.arange(32, device=boxes.device) + 0.5, boxes - corner.repeat(1, 2)
    across, down = ((pixel > here[:, i, None]) & (pixel < here[:, i + 2, None]) for i in (0, 1))
    return torch.stack([ink, (down[:, :, None] & across[:, None, :]).float()], dim=1), corner


def on_canvas(windows: torch.Tensor, corner: torch.Tensor, size: int) -> torch.Tensor:
    """Return masks (m, size, size) that hold the windows (m, 32, 32) at their corners (m, 2): `cut` undone."""
    wide = windows.new_zeros(len(windows), size + 64, size + 64)
    for plane, window, (left, top) in zip(wide, windows, corner.tolist(), strict=True):
        plane[top + 32 : top + 64, left + 32 : left + 64] = window
    return wide[:, 32:-32, 32:-32]
