"""The exercises of notebook 02, Recognise and locate with convolutions."""

import torch
from torchvision import ops

from course_utils.exercise import Edit, Exercise, Mistake
from course_utils.exercises.cases import halves, quarters

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


conv2d = Exercise(
    reference=conv2d_reference,
    cases=lambda g: [
        (halves(g, 1, 3, 4), halves(g, 1, 1, 2, 2)),
        (halves(g, 2, 2, 3), halves(g, 3, 2, 1, 1), 1),
        (halves(g, 1, 2, 6), halves(g, 2, 1, 1, 1), 2),
        (halves(g, 2, 2, 2), halves(g, 1, 2, 2, 2), 3),
        (halves(g, 3, 5, 6), halves(g, 2, 3, 2, 2)),
        (halves(g, 2, 7, 6), halves(g, 3, 2, 3, 3), 2),
        (quarters(g, 2, 5, 9), halves(g, 2, 2, 2, 2), 3),
    ],
    hints=[
        "With stride 1 and one channel it is the loop above. How many windows fit below each other in H rows?",
        "Windows of output row r begin r strides down, never below row H − k. Cut out all channels at once.",
        "`weight * window`, (O, C, k, k) with (C, k, k), gives all outputs' products at once: sum over the last three.",
    ],
    mistakes=[
        Edit(
            "weight * window",
            "weight.flip(2, 3) * window",
            "That is the convolution of mathematics, with the kernel turned by 180°; networks do not turn it.",
        ),
        Edit("k, _ = weight.shape", "k, _ = weight.shape\n    stride = 1", "This is the answer for a stride of 1."),
        Edit(" * stride", "", "Window (r, c) must start at row r · stride and column c · stride, not at r and c."),
        Edit("(1, 2, 3))", "(1, 2, 3)) / len(x)", "Add the channels up; do not average them."),
        Edit("// stride + 1", "// stride", "The last window is missing: (H − k) // stride + 1 windows fit."),
        Edit(
            "weight * window",
            "weight * window.mT",
            "Rows and columns are exchanged somewhere: x is (C, rows, columns), and so is each window.",
        ),
        Edit(
            "(weight * window)", "(weight * window)[:, :1]", "Only the first channel counts here: add up all of them."
        ),
        Edit(
            "sum(dim=(1, 2, 3))",
            "sum()",
            "That adds up the outputs as well; each keeps a map of its own: `sum(dim=(1, 2, 3))`.",
        ),
    ],
    look_at="one number that differs: the window of x and the kernel it comes from, and what their products add up to",
)

# ---------------------------------------------------------------- 2


def output_size_reference(n, k, stride, padding):
    return (n + 2 * padding - k) // stride + 1


output_size = Exercise(
    reference=output_size_reference,
    cases=lambda g: [
        (28, 5, 1, 0),
        (28, 3, 1, 1),
        (224, 7, 2, 3),
        (10, 3, 2, 0),
        (7, 3, 3, 1),
        (11, 2, 5, 0),
        (5, 1, 3, 4),
        (3, 7, 4, 5),
        (4, 6, 2, 1),
        (6, 2, 7, 9),
        (9, 4, 1, 1),
    ],
    hints=[
        "Padding adds `padding` pixels on both sides. The first window begins at 0: where may the last one begin?",
        "On paper: 5 pixels, k = 2, a stride of 2, no padding. Windows begin at 0 and 2; at 4 one would hang over.",
        "At n + 2 · padding − k at most. How many steps of `stride` fit until there? The first window counts too.",
    ],
    mistakes=[
        Edit("2 * padding", "padding", "Padding is added on *both* sides."),
        Edit(" + 1", "", "One too few: the window at the very start counts as well."),
        Edit("//", "/", "Only whole steps count: a window that would hang over is left out, so divide with `//`."),
        Edit(
            "(n + 2 * padding - k) // stride",
            "-(-(n + 2 * padding - k) // stride)",
            "That counts a step that does not fit whole; a window that would hang over is left out.",
        ),
        Edit(" // stride", "", "The stride is missing."),
        Edit(" + 2 * padding", "", "The padding is missing, on both sides."),
        Edit(
            "(n + 2 * padding - k)", "n + 2 * padding - k", "Brackets: divide the whole difference n + 2 · padding − k."
        ),
        Edit(" - k) // stride + 1", " - k + 1) // stride", "Divide first, then add 1."),
    ],
    look_at="the places where a window begins, written out for these numbers",
)

# ---------------------------------------------------------------- 3


def max_pool_reference(x, size):
    C, H, W = x.shape
    return x.reshape(C, H // size, size, W // size, size).amax(dim=(2, 4))


max_pool = Exercise(
    reference=max_pool_reference,
    cases=lambda g: [
        (torch.tensor([[[1.0, 2.0, -3.0, -4.0], [3.0, 0.0, -1.0, -2.0]]]), 2),
        (quarters(g, 1, 6, 2), 2),
        (quarters(g, 1, 3, 3), 3),
        (1e9 * quarters(g, 1, 2, 4) - 2e10, 2),
        (halves(g, 2, 4, 6), 2),
        (halves(g, 3, 6, 9) - 5, 3),
        (halves(g, 4, 8, 4), 4),
    ],
    hints=[
        "Two loops over the windows, each window's largest number into a tensor of (C, H/size, W/size), will do.",
        "Without loops: `reshape` to (C, H/size, size, W/size, size), then `amax` over the third and the fifth axis.",
    ],
    mistakes=[
        Mistake(
            lambda x, size: x.unfold(1, size, 1).unfold(2, size, 1).amax(dim=(3, 4)),
            "These windows overlap: they should be side by side, so the stride is `size`.",
        ),
        Edit("amax", "mean", "That is average pooling; take the largest number."),
        Edit(
            "(2, 4))",
            "(2, 4)).clamp(min=0)",
            "A window of negative numbers has a negative maximum: do not start from 0.",
        ),
        Edit("x.reshape", "x.abs().reshape", "The largest number, not the one furthest from zero."),
        Edit("(2, 4)", "(0, 2, 4)", "Channels stay apart: pool each by itself."),
        Edit(".amax(dim=(2, 4))", "[:, :, 0, :, 0].clone()", "That takes each window's first number, not its largest."),
        Edit(
            "size, W // size, size).amax(dim=(2, 4))",
            "W // size, size * size).amax(dim=3)",
            "That reshape mixes pixels that are not in one window: split rows and columns apart first.",
        ),
    ],
    look_at="one number that differs: which square of x it belongs to, and which numbers are in that square",
)

# ---------------------------------------------------------------- 4


def receptive_field_reference(layers):
    size, step = 1, 1
    for k, stride in layers:
        size += (k - 1) * step
        step *= stride
    return size


receptive_field = Exercise(
    reference=receptive_field_reference,
    cases=lambda g: [
        ([(3, 1)],),
        ([(5, 2)],),
        ([(3, 1), (3, 1)],),
        ([(2, 2), (4, 1)],),
        ([(5, 1), (2, 2), (3, 1)],),
        ([(7, 2), (3, 3), (3, 2), (1, 1), (6, 1)],),
        ([(5, 1), (2, 2), (3, 1), (2, 2), (3, 1), (2, 2)],),
        ([(11, 4), (3, 2), (5, 1), (3, 2), (4, 3), (3, 1), (5, 5), (3, 1)],),
    ],
    hints=[
        "One pixel sees itself: begin with 1. What does a 3 × 3 kernel with stride 1 add? And a second one?",
        "Neighbouring positions of a layer's input are as many pixels apart as the product of all strides *before* it.",
        "From its first to its last position a window takes k − 1 such steps: that is what each layer adds.",
    ],
    mistakes=[
        Edit(
            "(k - 1) * step",
            "k - 1",
            "Strides are ignored: after a stride of 2, neighbouring positions are two pixels apart.",
        ),
        Edit(
            "* step",
            "* step * stride",
            "A layer's own stride does not widen its own windows: it counts from the next layer on.",
        ),
        Edit(
            "step *= stride",
            "step = stride",
            "Strides multiply: the positions are as far apart as the product of all strides before.",
        ),
        Edit(
            "* step",
            "* stride",
            "Each layer counts in positions of its *input*: the product of all strides before it, not its own.",
        ),
        Edit("k - 1", "k", "From its first to its last position a window takes k − 1 steps, not k."),
        Edit("= 1, 1", "= 0, 1", "Begin with 1: a pixel sees itself."),
        Edit(
            "in layers",
            "in layers[::-1]",
            "That is right for layers listed from the output on; here the list begins at the input.",
        ),
    ],
    afterwards="One output of the trunk sees 24 of the 28 pixels in each direction.",
    look_at="how many pixels apart two neighbouring positions of each layer's input are",
)

# ---------------------------------------------------------------- 5


def pairwise_iou_reference(a, b):
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    both = (high - low).clamp(min=0).prod(dim=2)
    area_a, area_b = ((box[:, 2:] - box[:, :2]).prod(dim=1) for box in (a, b))
    union = area_a[:, None] + area_b[None, :] - both
    return both / union


def _boxes(generator: torch.Generator, n: int) -> torch.Tensor:
    """Return n boxes with corners at quarters, sides from 1 to 6, about half of them overlapping."""
    corner = halves(generator, n, 2)
    return torch.cat([corner, corner + torch.randint(4, 25, (n, 2), generator=generator) / 4], dim=1)


pairwise_iou = Exercise(
    reference=pairwise_iou_reference,
    cases=lambda g: [
        (torch.tensor([[0.0, 0.0, 4.0, 2.0]]), torch.tensor([[2.0, 0.0, 6.0, 2.0], [5.0, 3.0, 6.0, 5.0]])),
        (  # crossing, inside, touching
            torch.tensor([[0.5, -0.75, 1.25, 3.0]]),
            torch.tensor([[-1.0, 0.25, 2.5, 0.75], [0.75, 0.0, 1.0, 1.5], [1.25, -0.75, 2.0, 3.0]]),
        ),
        (  # in a corner, the same, far away
            torch.tensor([[2000.0, -901, 2001, -900], [2000, -903, 2003, -900], [-2003, 900, -2000, 903]]),
            torch.tensor([[2000.0, -903, 2003, -900]]),
        ),
        (
            torch.tensor([[0.1, 0.1, 0.4, 0.9], [0.2, 0.3, 0.8, 0.7]]),
            torch.tensor([[0.2, 0.2, 0.7, 0.6], [0.8, 0.7, 0.9, 1.0]]),
        ),
        (_boxes(g, 3), _boxes(g, 3)),
        (_boxes(g, 4), _boxes(g, 6)),
    ],
    hints=[
        "Broadcasting makes the table: with an axis added, `a` is (N, 1, 4) and `b` is (1, M, 4), together (N, M, …).",
        "The intersection begins at the larger of the two left edges and ends at the smaller of the two right ones.",
        "Boxes that do not meet get a negative side: `clamp(min=0)` each side *before* you multiply.",
    ],
    mistakes=[
        Edit(
            ".clamp(min=0)",
            "",
            "Boxes that do not meet have negative sides, and two of them multiply to an area: clamp each side at 0.",
        ),
        Edit(
            ".clamp(min=0).prod(dim=2)",
            ".prod(dim=2).clamp(min=0)",
            "Two negative sides multiply to a positive area: clamp each side at 0 *before* you multiply.",
        ),
        Edit(" - both", "", "The union is the sum of both areas *minus* the intersection, which was counted twice."),
        Edit(
            "/ union",
            "/ torch.minimum(area_a[:, None], area_b)",
            "Divide by the area of the union, not by that of the smaller box.",
        ),
        Edit(
            "    low =",
            "    a, b = (box + torch.tensor([0, 0, 1, 1]) for box in (a, b))\n    low =",
            "No + 1: these are edges, not pixel numbers; a box from 0 to 4 is 4 wide.",
        ),
        Edit(
            "    low =",
            "    a, b = (torch.cat([box[:, :2], box[:, :2] + box[:, 2:]], dim=1) for box in (a, b))\n    low =",
            "The last two numbers are the right and lower edges, not width and height.",
        ),
        Edit(" / union", "", "That is the area of the intersection; divide it by the union's."),
        Edit(
            "    low =", "    a, b = b, a\n    low =", "Rows are for `a` and columns for `b`, not the other way round."
        ),
    ],
    look_at="one pair of boxes that differs: the sides of their intersection, and the area of their union",
)

# ---------------------------------------------------------------- 6


def nms_reference(boxes, scores, labels, threshold):
    kept = []
    for i in scores.argsort(descending=True).tolist():
        rivals = [j for j in kept if labels[j] == labels[i]]
        if not rivals or ops.box_iou(boxes[i : i + 1], boxes[rivals]).max() <= threshold:
            kept.append(i)
    return torch.tensor(kept, dtype=torch.long)


def _crowd(generator: torch.Generator, n: int) -> tuple:
    """Return n boxes that crowd around two places far from 0, with distinct scores and three labels far apart."""
    place = torch.tensor([[-1500.0, 300.0], [2500.0, -800.0]])[torch.randint(2, (n,), generator=generator)]
    corner = place + halves(generator, n, 2)
    scores = (torch.randperm(n, generator=generator) + 1) / (n + 1)
    labels = torch.tensor([2, 5, 90])[torch.randint(3, (n,), generator=generator)]
    return torch.cat([corner, corner + torch.tensor([8.0, 6.5])], dim=1), scores, labels


def _given(boxes, scores, labels, threshold):
    return torch.tensor(boxes), torch.tensor(scores), torch.tensor(labels), threshold


ROW = [[0.0, 0.0, 4.0, 4.0], [1.0, 0.0, 5.0, 4.0], [2.0, 0.0, 6.0, 4.0]]  # neighbours overlap by 0.6, the others by 1/3
LARGE = [[0.0, 0.0, 4e4, 3e4], [500.0, 250.0, 4e4, 3e4], [-900.0, -400.0, 3.9e4, 3.05e4]]  # as in satellite pictures

nms = Exercise(
    reference=nms_reference,
    cases=lambda g: [
        _given(ROW, [0.5, 0.75, 0.25], [3, 3, 3], 0.5),
        _given(ROW, [0.9, 0.8, 0.7], [1, 1, 1], 0.5),
        _given(ROW, [0.02, 0.01, 0.03], [1000, 7, 1000], 0.2),
        _given([[0.0, 0.0, 2.0, 1.0], [0.0, 0.0, 1.0, 1.0]], [0.9, 0.8], [0, 0], 0.5),
        _given(LARGE, [0.6, 0.7, 0.3], [0, 1, 0], 0.25),
        _given([[-3.5, -2.0, -1.0, 0.25]], [0.04], [12], 0.7),
        (*_crowd(g, 16), 0.15),
        (*_crowd(g, 30), 0.4),
    ],
    hints=[
        "Go through the boxes from the surest to the least sure, and keep a list of the ones kept so far.",
        "Keep a box unless it overlaps a box *already kept*, of the same label, by more than the threshold.",
        "`ops.box_iou(boxes[i : i + 1], boxes[kept])` gives the overlaps; mind the moment when `kept` is still empty.",
    ],
    mistakes=[
        Edit(" if labels[j] == labels[i]", "", "A box suppresses only boxes with its own label: compare `labels` too."),
        Edit(
            "scores.argsort(descending=True).tolist()",
            "range(len(scores))",
            "Begin with the surest box, and go on by falling scores.",
        ),
        Edit("descending=True", "descending=False", "That begins with the least sure box; begin with the surest."),
        Edit(
            "j in kept if",
            "j in range(len(scores)) if scores[j] > scores[i] and",
            "A box that was itself suppressed must not suppress others: compare with the kept ones only.",
        ),
        Edit("<=", "<", "An overlap of exactly the threshold is still allowed: suppress only above it."),
        Edit("tensor(kept", "tensor(sorted(kept)", "The right boxes, but not the surest first."),
        Edit(
            "    kept = []",
            "    kept, order = [], scores.argsort(descending=True)\n"
            "    boxes, scores, labels = boxes[order], scores[order], labels[order]",
            "Return indices into `boxes` as they came, not into a sorted copy.",
        ),
        Edit(
            "tensor(kept",
            "tensor(sorted(kept, key=lambda i: labels[i].item())",
            "The right boxes, but label by label: sort the kept ones of all labels by score, the surest first.",
        ),
    ],
    look_at="the first index that differs: how much that box overlaps the surer ones of its label that stay",
)

# ---------------------------------------------------------------- 7


def average_precision_reference(hits, objects):
    found = hits.cumsum(0)
    precision = found / torch.arange(1, len(hits) + 1)
    best = []
    for percent in range(101):
        reached = found * 100 >= percent * objects
        best.append(precision[reached].max().item() if reached.any() else 0.0)
    return sum(best) / len(best)


average_precision = Exercise(
    reference=average_precision_reference,
    cases=lambda g: [
        # No recall but 0 and 1 is exactly one of the 101, where rounding would decide: `objects` has no factor 2 or 5.
        (torch.tensor([True, True, False, True]), 7),
        (torch.tensor([False, True, True, False, True, False]), 11),
        (torch.tensor([False, False]), 3),
        (torch.tensor([True, False, True, True]), 3),
        (torch.tensor([False, True, False]), 1),
        (torch.tensor([False, False, True, True, True, False, True, True, True]), 9),
        (torch.rand(30, generator=g) < 0.6, 23),
        (torch.rand(150, generator=g) < 0.5, 81),
    ],
    hints=[
        "The cell that drew the curve of the sevens has precision and recall after each report: begin with these two.",
        "For each of the recalls 0, 0.01, …, 1: the largest precision among all rows whose recall is at least that.",
        "`precision[recall >= i / 100]` are these rows, i from 0 to 100; count 0 where there are none. Take the mean.",
    ],
    mistakes=[
        Edit(".max()", "[0]", "Take the *best* precision at that recall or beyond, not the first one reached."),
        Edit(
            "len(best)",
            "max(1, sum(b > 0 for b in best))",
            "A recall that is never reached counts as 0; do not leave it out of the mean.",
        ),
        Edit(
            "* objects", "* found[-1]", "Recall is the share of *all* true objects, not only of those that were found."
        ),
        Edit("range(101)", "range(0, 101, 10)", "That is the older mean over 11 recalls; take 101: 0, 0.01, …, 1."),
        Edit(
            ">=",
            ">",
            "Recall 1 is reached but not counted: compare with `>=`, and take i / 100, since 0.01 added up passes 1.",
        ),
        Edit(
            "range(101)",
            "range(100)",
            "Recalls 0 *and* 1 both count: 0, 0.01, …, 1 are 101 of them (take i / 100, since 0.01 added up passes 1).",
        ),
        Edit(
            "sum(best) / len(best)",
            "precision[hits].sum().item() / objects",
            "That is the plain area under the steps; take the best precision at each recall or beyond.",
        ),
        Edit(
            "sum(best) / len(best)",
            "(precision.flip(0).cummax(0).values.flip(0) * hits).sum().item() / objects",
            "That is the exact area under the best precisions; here it is their mean at 101 recalls.",
        ),
    ],
    look_at="precision and recall after each report, then the best precision for a few of the 101 recalls",
)
