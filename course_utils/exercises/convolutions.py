"""The exercises of notebook 02, Recognise and locate with convolutions."""

import math

import torch
from torchvision import ops

from course_utils.exercise import Exercise, Mistake


def halves(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Return small multiples of a half as float32: short to read, and not whole."""
    return torch.randint(-7, 8, shape, generator=generator) / 2


# ---------------------------------------------------------------- 1


def conv2d_reference(x, weight, stride=1):
    outputs, _, k, _ = weight.shape
    rows, columns = ((side - k) // stride + 1 for side in x.shape[1:])
    y = torch.zeros(outputs, rows, columns)
    for r in range(rows):
        for c in range(columns):
            window = x[:, r * stride : r * stride + k, c * stride : c * stride + k]
            y[:, r, c] = (weight * window).sum(dim=(1, 2, 3))
    return y


def _one_by_one(x, weight, stride=1):
    """Slide by one, whatever the stride, but stop after as many outputs as there should be."""
    y = conv2d_reference(x, weight)
    rows, columns = ((side - weight.shape[2]) // stride + 1 for side in x.shape[1:])
    return y[:, :rows, :columns]


conv2d = Exercise(
    reference=conv2d_reference,
    notebook="02",
    name="conv2d",
    title="1, many channels and a stride",
    minutes=12,
    difficulty=2,
    cases=lambda g: [
        (halves(g, 1, 3, 4), halves(g, 1, 1, 2, 2)),
        (halves(g, 3, 5, 6), halves(g, 2, 3, 2, 2), 1),
        (halves(g, 2, 7, 6), halves(g, 3, 2, 3, 3), 2),
        (halves(g, 1, 8, 8), halves(g, 1, 1, 2, 2), 3),
    ],
    hints=[
        "With stride 1 and one channel it is the loop above. How many windows fit below each other in H rows?",
        "(H − k) // stride + 1 windows. Window (r, c) begins at row r · stride and column c · stride.",
        "`weight * window`, (O, C, k, k) with (C, k, k), gives all outputs' products at once: sum over the last three.",
    ],
    mistakes=[
        Mistake(
            lambda x, weight, stride=1: conv2d_reference(x, weight.flip(2, 3), stride),
            "That is the convolution of mathematics, with the kernel turned by 180°; networks do not turn it.",
        ),
        Mistake(
            lambda x, weight, stride=1: conv2d_reference(x, weight), "The stride is ignored: it is 1 in this answer."
        ),
        Mistake(_one_by_one, "The windows must start at r · stride and c · stride, not at r and c."),
        Mistake(
            lambda x, weight, stride=1: conv2d_reference(x, weight, stride) / x.shape[0],
            "Add the channels up; do not average them.",
        ),
        Mistake(
            lambda x, weight, stride=1: conv2d_reference(x[:, :-1, :-1], weight, stride),
            "The last window is missing: (H − k) // stride + 1 windows fit.",
        ),
        Mistake(
            lambda x, weight, stride=1: conv2d_reference(x, weight.mT, stride),
            "Rows and columns are exchanged somewhere: x is (C, rows, columns), and so is each window.",
        ),
        Mistake(
            lambda x, weight, stride=1: conv2d_reference(x[:1], weight[:, :1], stride),
            "Only the first channel was used: add up over all of them.",
        ),
        Mistake(
            lambda x, weight, stride=1: conv2d_reference(x, weight, stride).sum(0).expand(len(weight), -1, -1).clone(),
            "That adds up the outputs as well; each keeps a map of its own: `sum(dim=(1, 2, 3))`.",
        ),
    ],
    look_at="where each window begins, and what is added up",
)

# ---------------------------------------------------------------- 2


def output_size_reference(n, k, stride, padding):
    return (n + 2 * padding - k) // stride + 1


output_size = Exercise(
    reference=output_size_reference,
    notebook="02",
    name="output_size",
    title="2, how large the output is",
    minutes=4,
    difficulty=1,
    cases=lambda g: [
        (28, 5, 1, 0),
        (28, 3, 1, 1),
        (224, 7, 2, 3),
        (10, 3, 2, 0),
        (7, 3, 3, 1),
        (28, 2, 2, 0),
        (9, 4, 1, 1),
    ],
    hints=[
        "Padding adds `padding` pixels on both sides. The first window begins at 0: where may the last one begin?",
        "At n + 2 · padding − k at most. How many steps of `stride` fit until there? The first window counts too.",
    ],
    mistakes=[
        Mistake(lambda n, k, stride, padding: (n + padding - k) // stride + 1, "Padding is added on *both* sides."),
        Mistake(
            lambda n, k, stride, padding: (n + 2 * padding - k) // stride,
            "One too few: the window at the very start counts as well.",
        ),
        Mistake(
            lambda n, k, stride, padding: (n + 2 * padding - k) / stride + 1,
            "Only whole steps count: a window that would hang over the edge is left out, so divide with `//`.",
        ),
        Mistake(
            lambda n, k, stride, padding: math.ceil((n + 2 * padding - k) / stride) + 1,
            "That rounds up; a window that would hang over the edge is left out.",
        ),
        Mistake(lambda n, k, stride, padding: n + 2 * padding - k + 1, "The stride is missing."),
        Mistake(lambda n, k, stride, padding: (n - k) // stride + 1, "The padding is missing, on both sides."),
        Mistake(
            lambda n, k, stride, padding: n + 2 * padding - k // stride + 1,
            "Brackets: the whole difference n + 2 · padding − k is divided by the stride.",
        ),
        Mistake(lambda n, k, stride, padding: (n + 2 * padding) // stride, "The window's own size is missing."),
        Mistake(lambda n, k, stride, padding: (n + 2 * padding - k + 1) // stride, "Divide first, then add 1."),
    ],
    look_at="where the first and the last window begin",
)

# ---------------------------------------------------------------- 3


def max_pool_reference(x, size):
    C, H, W = x.shape
    return x.reshape(C, H // size, size, W // size, size).amax(dim=(2, 4))


def _pool_stride_one(x, size):
    return x.unfold(1, size, 1).unfold(2, size, 1).amax(dim=(3, 4))


max_pool = Exercise(
    reference=max_pool_reference,
    notebook="02",
    name="max_pool",
    title="3, max pooling",
    minutes=8,
    difficulty=2,
    cases=lambda g: [
        (torch.tensor([[[1.0, 2.0, -3.0, -4.0], [3.0, 0.0, -1.0, -2.0]]]), 2),
        (halves(g, 2, 4, 6), 2),
        (halves(g, 3, 6, 6) - 5, 3),
        (halves(g, 2, 3, 3), 1),
        (halves(g, 1, 4, 4) - 1000, 2),
    ],
    hints=[
        "Two loops over the windows, each window's largest number into a tensor of (C, H/size, W/size), will do.",
        "Without loops: `reshape` to (C, H/size, size, W/size, size), then `amax` over the third and the fifth axis.",
    ],
    mistakes=[
        Mistake(_pool_stride_one, "The windows overlap: they must lie side by side, so the stride is `size`."),
        Mistake(
            lambda x, size: torch.nn.functional.avg_pool2d(x, size), "That is average pooling; take the largest number."
        ),
        Mistake(
            lambda x, size: max_pool_reference(x, size).clamp(min=0),
            "A window of negative numbers has a negative maximum: do not start from 0.",
        ),
        Mistake(
            lambda x, size: max_pool_reference(x.abs(), size), "The largest number, not the one furthest from zero."
        ),
        Mistake(
            lambda x, size: max_pool_reference(x, size).amax(0, keepdim=True).expand(len(x), -1, -1).clone(),
            "Channels stay apart: that takes the largest number of *all* channels in each square.",
        ),
        Mistake(
            lambda x, size: max_pool_reference(x, size).amax(0, keepdim=True),
            "Channels stay apart: pool each by itself.",
        ),
        Mistake(
            lambda x, size: x[:, ::size, ::size].clone(), "That takes each window's first number, not its largest."
        ),
        Mistake(
            lambda x, size: x.reshape(x.shape[0], x.shape[1] // size, x.shape[2] // size, size * size).amax(3),
            "That reshape mixes pixels that are not in one window: split rows and columns apart first.",
        ),
    ],
    look_at="which numbers lie in one window",
)

# ---------------------------------------------------------------- 4


def receptive_field_reference(layers):
    size, step = 1, 1
    for k, stride in layers:
        size += (k - 1) * step
        step *= stride
    return size


def _receptive(layers, own_stride=False, ignore_stride=False):
    """Return the receptive field with one thing wrong, for the usual mistakes."""
    size, step = 1, 1
    for k, stride in layers:
        if own_stride:
            step *= stride
        size += (k - 1) * step
        if not own_stride and not ignore_stride:
            step *= stride
    return size


def _last_stride_only(layers):
    size = 1
    for i, (k, _) in enumerate(layers):
        size += (k - 1) * (layers[i - 1][1] if i else 1)
    return size


receptive_field = Exercise(
    reference=receptive_field_reference,
    notebook="02",
    name="receptive_field",
    title="4, how far one output sees",
    minutes=10,
    difficulty=2,
    cases=lambda g: [
        ([(3, 1)],),
        ([(3, 1), (3, 1)],),
        ([(5, 1), (2, 2), (3, 1)],),
        ([(5, 1), (2, 2), (3, 1), (2, 2), (3, 1), (2, 2)],),
        ([(7, 2), (3, 3), (3, 2), (1, 1), (5, 1)],),
    ],
    hints=[
        "One pixel sees itself: begin with 1. What does a 3 × 3 kernel with stride 1 add? And a second one?",
        "Each layer adds (k − 1) steps, counted in the positions of *its own input*.",
        "Positions of a layer's input lie as many pixels apart as the product of all strides *before* it.",
    ],
    mistakes=[
        Mistake(
            lambda layers: _receptive(layers, ignore_stride=True),
            "Strides are ignored: after a stride of 2, neighbouring positions lie two pixels apart.",
        ),
        Mistake(
            lambda layers: _receptive(layers, own_stride=True),
            "A layer's own stride does not widen its own windows: it counts from the next layer on.",
        ),
        Mistake(
            _last_stride_only, "Strides multiply: the positions lie as far apart as the product of all strides before."
        ),
        Mistake(
            lambda layers: 1 + sum((k - 1) * stride for k, stride in layers),
            "Each layer counts in positions of its *input*: the product of all strides before it, not its own.",
        ),
        Mistake(lambda layers: sum(k for k, _ in layers), "Kernels overlap: a layer adds k − 1, not k."),
        Mistake(lambda layers: math.prod(k for k, _ in layers), "Kernel sizes add up; it is strides that multiply."),
        Mistake(lambda layers: receptive_field_reference(layers) - 1, "Begin with 1: a pixel sees itself."),
        Mistake(
            lambda layers: receptive_field_reference(layers[::-1]),
            "The layers are listed from the input on; this answer goes through them backwards.",
        ),
    ],
    afterwards="One output of the trunk sees 24 of the 28 pixels in each direction.",
    look_at="how many pixels apart two neighbouring positions of each layer's input lie",
)

# ---------------------------------------------------------------- 5


def pairwise_iou_reference(a, b):
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    both = (high - low).clamp(min=0).prod(dim=2)
    area_a, area_b = ((box[:, 2:] - box[:, :2]).prod(dim=1) for box in (a, b))
    return both / (area_a[:, None] + area_b[None, :] - both)


def _iou(a, b, clamp=True, pixel=0.0, union="right"):
    """Return IoU with one thing wrong, for the usual mistakes."""
    sides = torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2]) + pixel
    both = (sides.clamp(min=0) if clamp else sides).prod(2)
    area_a, area_b = ((box[:, 2:] - box[:, :2] + pixel).prod(1) for box in (a, b))
    if union == "none":
        return both
    if union == "sum":
        return both / (area_a[:, None] + area_b)
    if union == "smaller":
        return both / torch.minimum(area_a[:, None], area_b)
    return both / (area_a[:, None] + area_b - both)


def _corner_and_size(boxes):
    return torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1)


def boxes(generator: torch.Generator, n: int) -> torch.Tensor:
    """Return n boxes with whole corners between 0 and 16."""
    corner = torch.randint(0, 9, (n, 2), generator=generator).float()
    return torch.cat([corner, corner + torch.randint(2, 8, (n, 2), generator=generator)], dim=1)


pairwise_iou = Exercise(
    reference=pairwise_iou_reference,
    notebook="02",
    name="pairwise_iou",
    title="5, every box with every box",
    minutes=10,
    difficulty=2,
    cases=lambda g: [
        (torch.tensor([[0.0, 0.0, 4.0, 2.0]]), torch.tensor([[2.0, 0.0, 6.0, 2.0], [5.0, 3.0, 6.0, 5.0]])),
        (boxes(g, 4), boxes(g, 3)),
        (boxes(g, 5), boxes(g, 5)),
    ],
    hints=[
        "`a[:, None]` is (N, 1, 4) and `b[None]` is (1, M, 4): whatever you do with both comes out as (N, M, …).",
        "The intersection begins at the larger of the two left edges and ends at the smaller of the two right ones.",
        "Boxes that do not meet get a negative side: `clamp(min=0)` each side *before* you multiply.",
    ],
    mistakes=[
        Mistake(
            lambda a, b: _iou(a, b, clamp=False),
            "Boxes that do not meet have negative sides, and two of them multiply to an area: clamp each side at 0.",
        ),
        Mistake(
            lambda a, b: _iou(a, b, clamp=False).clamp(min=0),
            "Two negative sides multiply to a positive area: clamp each side at 0 *before* you multiply.",
        ),
        Mistake(
            lambda a, b: _iou(a, b, union="sum"),
            "The union is the sum of both areas *minus* the intersection, which was counted twice.",
        ),
        Mistake(
            lambda a, b: _iou(a, b, union="smaller"), "Divide by the area of the union, not by that of the smaller box."
        ),
        Mistake(
            lambda a, b: _iou(a, b, pixel=1.0),
            "No + 1: these are edges, not pixel numbers; a box from 0 to 4 is 4 wide.",
        ),
        Mistake(
            lambda a, b: _iou(_corner_and_size(a), _corner_and_size(b)),
            "The last two numbers are the right and lower edges, not width and height.",
        ),
        Mistake(
            lambda a, b: _iou(a, b, union="none"), "That is the area of the intersection; divide it by the union's."
        ),
        Mistake(lambda a, b: _iou(b, a), "The result is turned over: rows are for `a`, columns for `b`."),
    ],
    look_at="the sides of the intersection and the area of the union",
)

# ---------------------------------------------------------------- 6


def nms_reference(boxes, scores, labels, threshold):
    kept = []
    for i in scores.argsort(descending=True).tolist():
        rivals = [j for j in kept if labels[j] == labels[i]]
        if not rivals or ops.box_iou(boxes[i : i + 1], boxes[rivals]).max() <= threshold:
            kept.append(i)
    return torch.tensor(kept)


def _nms(boxes, scores, labels, threshold, same_class=True, by_score=True, chain=False, strict=True):
    """Return the boxes kept, with one thing wrong, for the usual mistakes."""
    order = scores.argsort(descending=True).tolist() if by_score else list(range(len(scores)))
    kept, seen = [], []
    for i in order:
        rivals = [j for j in (seen if chain else kept) if not same_class or labels[j] == labels[i]]
        most = pairwise_iou_reference(boxes[i : i + 1], boxes[rivals]).max().item() if rivals else -1.0
        if most <= threshold if strict else most < threshold:
            kept.append(i)
        seen.append(i)
    return torch.tensor(kept)


def _class_by_class(boxes, scores, labels, threshold):
    kept = nms_reference(boxes, scores, labels, threshold)
    return torch.cat([kept[labels[kept] == label] for label in labels.unique()])


def _mask_of(kept, n):
    return torch.zeros(n, dtype=torch.bool).index_fill(0, kept, True)


def crowded(generator: torch.Generator, n: int) -> tuple:
    """Return n boxes that crowd around two places, with distinct scores and two classes."""
    centre = torch.tensor([[4.0, 4.0], [12.0, 10.0]])[torch.randint(2, (n,), generator=generator)]
    corner = centre + torch.randint(-2, 3, (n, 2), generator=generator)
    scores = (torch.randperm(n, generator=generator) + 1) / (n + 1)
    return torch.cat([corner, corner + 6], dim=1), scores, torch.randint(2, (n,), generator=generator)


nms = Exercise(
    reference=nms_reference,
    notebook="02",
    name="nms",
    title="6, suppress within a class",
    minutes=10,
    difficulty=2,
    cases=lambda g: [
        (
            torch.tensor([[0.0, 0.0, 4.0, 4.0], [1.0, 0.0, 5.0, 4.0], [2.0, 0.0, 6.0, 4.0]]),
            torch.tensor([0.5, 0.75, 0.25]),
            torch.tensor([3, 3, 3]),
            0.5,
        ),
        (
            torch.tensor([[0.0, 0.0, 4.0, 4.0], [1.0, 0.0, 5.0, 4.0], [2.0, 0.0, 6.0, 4.0]]),
            torch.tensor([0.9, 0.8, 0.7]),
            torch.tensor([1, 1, 1]),
            0.5,
        ),
        (
            torch.tensor([[0.0, 0.0, 2.0, 1.0], [0.0, 0.0, 1.0, 1.0]]),
            torch.tensor([0.9, 0.8]),
            torch.tensor([0, 0]),
            0.5,
        ),
        (*crowded(g, 12), 0.4),
        (*crowded(g, 10), 0.25),
    ],
    hints=[
        "Go through the boxes from the surest to the least sure, and keep a list of the ones kept so far.",
        "Keep a box unless it overlaps a box *already kept*, of the same label, by more than the threshold.",
        "`ops.box_iou(boxes[i : i + 1], boxes[kept])` gives the overlaps; mind the moment when `kept` is still empty.",
    ],
    mistakes=[
        Mistake(
            lambda *arguments: _nms(*arguments, same_class=False),
            "A box may only suppress boxes with its own label: compare `labels` too.",
        ),
        Mistake(
            lambda *arguments: _nms(*arguments, by_score=False),
            "Begin with the surest box: go through them in the order of falling scores.",
        ),
        Mistake(
            lambda *arguments: _nms(*arguments, chain=True),
            "A box that was itself suppressed must not suppress others: compare with the kept ones only.",
        ),
        Mistake(
            lambda *arguments: _nms(*arguments, strict=False),
            "An overlap of exactly the threshold is still allowed: suppress only above it.",
        ),
        Mistake(
            lambda boxes, scores, labels, threshold: nms_reference(boxes, scores, labels, threshold).sort().values,
            "The right boxes, but in another order: the surest first.",
        ),
        Mistake(
            lambda boxes, scores, labels, threshold: nms_reference(
                *(part[scores.argsort(descending=True)] for part in (boxes, scores, labels)), threshold
            ),
            "Return indices into `boxes` as they came, not into a sorted copy.",
        ),
        Mistake(
            _class_by_class,
            "The right boxes, but class by class: sort the kept ones of all classes by score, the surest first.",
        ),
        Mistake(
            lambda boxes, scores, labels, threshold: _mask_of(
                nms_reference(boxes, scores, labels, threshold), len(boxes)
            ),
            "Return the indices of the kept boxes, not a mask.",
        ),
        Mistake(
            lambda boxes, scores, labels, threshold: boxes[nms_reference(boxes, scores, labels, threshold)],
            "Return the indices of the kept boxes, not the boxes.",
        ),
        Mistake(
            lambda boxes, scores, labels, threshold: scores.argsort(descending=True),
            "Nothing was suppressed.",
        ),
    ],
    look_at="which box is compared with which",
)

# ---------------------------------------------------------------- 7


def average_precision_reference(hits, objects):
    found = hits.cumsum(0)
    precision = found / torch.arange(1, len(hits) + 1)
    total = 0.0
    for percent in range(101):
        reached = found * 100 >= percent * objects
        total += precision[reached].max().item() if reached.any() else 0.0
    return total / 101


def _curve(hits, objects):
    found = hits.cumsum(0)
    return found / torch.arange(1, len(hits) + 1), found / objects


def _at_one(hits, objects):
    """Return the best precision at recall 1, 0 where it is not reached."""
    precision, recall = _curve(hits, objects)
    return precision[recall >= 1].max().item() if (recall >= 1).any() else 0.0


def _under_envelope(hits, objects):
    """Return the area under the best precisions, as the benchmark VOC has it since 2010."""
    precision, _ = _curve(hits, objects)
    best = precision.flip(0).cummax(0).values.flip(0)
    return (best * hits).sum().item() / objects


def _at_levels(hits, objects, levels=101, best=True, unreached=True):
    """Return average precision with one thing wrong, for the usual mistakes."""
    precision, _ = _curve(hits, objects)
    found, values = hits.cumsum(0), []
    for i in range(levels):
        reached = found * (levels - 1) >= i * objects
        if reached.any():
            values.append(precision[reached].max().item() if best else precision[reached][0].item())
        elif unreached:
            values.append(0.0)
    return sum(values) / max(len(values), 1)


average_precision = Exercise(
    reference=average_precision_reference,
    notebook="02",
    name="average_precision",
    title="7, average precision",
    minutes=12,
    difficulty=3,
    cases=lambda g: [
        # The numbers of objects are primes: no recall but 0 and 1 lies on one of the 101, where rounding would decide.
        (torch.tensor([True, True, False, True]), 7),
        (torch.tensor([False, True, True, False, True, False]), 11),
        (torch.rand(30, generator=g) < 0.6, 23),
        (torch.tensor([False, False]), 3),
        (torch.tensor([True, False, True, True]), 3),
    ],
    hints=[
        "`hits.cumsum(0)` counts the right ones so far. Precision divides it by 1, 2, 3, …; recall by `objects`.",
        "For each of the recalls 0, 0.01, …, 1: the largest precision among all rows whose recall is at least that.",
        "Where no row reaches a recall, its precision is 0. The answer is the mean of the 101 numbers.",
    ],
    mistakes=[
        Mistake(
            lambda hits, objects: _at_levels(hits, objects, best=False),
            "Take the *best* precision at that recall or beyond, not the first one reached.",
        ),
        Mistake(
            lambda hits, objects: _at_levels(hits, objects, unreached=False),
            "A recall that is never reached counts as 0; do not leave it out of the mean.",
        ),
        Mistake(
            lambda hits, objects: average_precision_reference(hits, max(int(hits.sum()), 1)),
            "Recall is the share of *all* true objects, `objects`, not of those that were found.",
        ),
        Mistake(
            lambda hits, objects: _at_levels(hits, objects, levels=11),
            "That is the older mean over 11 recalls; take 101: 0, 0.01, …, 1.",
        ),
        Mistake(
            lambda hits, objects: _curve(hits, objects)[0][hits].mean().item() if hits.any() else 0.0,
            "That averages precision where something was found; average it over 101 recalls.",
        ),
        Mistake(
            lambda hits, objects: _curve(hits, objects)[0][hits].sum().item() / objects,
            "That is the plain area under the steps; take the best precision at each recall or beyond.",
        ),
        Mistake(
            lambda hits, objects: average_precision_reference(hits, objects) - _at_one(hits, objects) / 101,
            "Recall 1 is reached but not counted: compare with `>=`, and take i / 100, since 0.01 added up passes 1.",
        ),
        Mistake(
            lambda hits, objects: _curve(hits, objects)[0].mean().item(), "That is the mean precision along the list."
        ),
        Mistake(
            _under_envelope, "That is the exact area under the best precisions; here it is their mean at 101 recalls."
        ),
        Mistake(
            lambda hits, objects: (101 * average_precision_reference(hits, objects) - _at_one(hits, objects)) / 100,
            "Recalls 0 *and* 1 both count: 0, 0.01, …, 1 are 101 of them.",
        ),
        Mistake(lambda hits, objects: hits.float().mean().item(), "That is the precision of all detections together."),
        Mistake(lambda hits, objects: hits.sum().item() / objects, "That is the recall of all detections together."),
        Mistake(
            lambda hits, objects: 1.01 * average_precision_reference(hits, objects),
            "Divide by 101: there are 101 recalls.",
        ),
    ],
    look_at="precision and recall after each detection, then the 101 recalls",
)
