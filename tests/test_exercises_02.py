"""The exercises of notebook 02: references against PyTorch, plausible wrong answers, other right ones."""

import functools
import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchvision import ops

from course_utils import detection
from course_utils.exercises import convolutional_networks as ex
from course_utils.trial import Trial

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def generator(seed):
    return torch.Generator().manual_seed(seed)


def random_boxes(g, n, scale=1.0):
    corner = 20 * torch.rand(n, 2, generator=g) - 10
    return scale * torch.cat([corner, corner + 0.1 + 12 * torch.rand(n, 2, generator=g)], dim=1)


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize(("c", "o", "k"), [(1, 1, 1), (3, 2, 1), (2, 5, 3), (4, 4, 4)])
def test_conv2d_is_pytorchs(c, o, k, stride):
    g = generator(stride)
    for height, width in ((k, k), (k, 9), (11, 7)):
        x, weight = torch.randn(c, height, width, generator=g), torch.randn(o, c, k, k, generator=g)
        want = F.conv2d(x[None], weight, stride=stride)[0]
        torch.testing.assert_close(ex.conv2d.reference(x, weight, stride), want, **CLOSE)
    torch.testing.assert_close(ex.conv2d.reference(x, weight), F.conv2d(x[None], weight)[0], **CLOSE)


def test_output_size_is_the_length_of_pytorchs_convolution():
    for n, k, stride, padding in itertools.product(range(1, 12), range(1, 8), range(1, 7), range(6)):
        if n + 2 * padding >= k:
            want = F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), stride=stride, padding=padding).shape[-1]
            assert ex.output_size.reference(n, k, stride, padding) == want
    assert ex.output_size.reference(224, 7, 2, 3) == 112  # the first layer of ResNet
    assert ex.output_size.reference(227, 11, 4, 0) == 55  # of AlexNet


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_max_pool_is_pytorchs(size, scale):
    for shift in (-100, 0, 100):
        x = scale * (torch.randn(3, 2 * size, 4 * size, generator=generator(size)) + shift)
        assert torch.equal(ex.max_pool.reference(x, size), F.max_pool2d(x[None], size)[0])


def test_receptive_field_is_what_the_gradient_reaches():
    g = generator(0)
    for count in (1, 2, 3, 4, 5) * 3:
        layers = []
        for _ in range(count):
            k = int(torch.randint(1, 6, (), generator=g))
            layers.append((k, int(torch.randint(1, k + 1, (), generator=g))))
        x = torch.zeros(1, 1, 4000, dtype=torch.float64, requires_grad=True)
        y = x
        for k, stride in layers:
            y = F.conv1d(y, torch.ones(1, 1, k, dtype=torch.float64), stride=stride)
        y[0, 0, 0].backward()
        assert ex.receptive_field.reference(layers) == (x.grad > 0).sum()


def test_receptive_field_has_the_published_numbers():
    vgg16 = ([(3, 1)] * 2 + [(2, 2)]) * 2 + ([(3, 1)] * 3 + [(2, 2)]) * 3
    alexnet = [(11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2)]
    assert (ex.receptive_field.reference(vgg16), ex.receptive_field.reference(alexnet)) == (212, 195)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_pairwise_iou_is_torchvisions(scale):
    for seed, (n, m) in enumerate(((1, 1), (1, 7), (6, 1), (20, 30))):
        a, b = random_boxes(generator(seed), n, scale), random_boxes(generator(9 + seed), m, scale)
        torch.testing.assert_close(ex.pairwise_iou.reference(a, b), ops.box_iou(a, b), **CLOSE)
        assert ex.pairwise_iou.reference(a, a).diagonal().allclose(torch.ones(n))


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.9])
def test_nms_is_torchvisions(threshold):
    for seed, n in enumerate((1, 2, 20, 60)):
        g = generator(seed)
        boxes, scores, labels = random_boxes(g, n), torch.rand(n, generator=g), torch.randint(4, (n,), generator=g)
        got = ex.nms.reference(boxes, scores, labels, threshold)
        assert got.tolist() == ops.batched_nms(boxes, scores, labels, threshold).tolist()
    empty = ex.nms.reference(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0), threshold)
    assert (empty.shape, empty.dtype) == ((0,), torch.long)


def test_no_overlap_in_the_cases_of_nms_is_near_its_threshold_unless_it_is_exactly_there():
    for boxes, scores, labels, threshold in Trial(ex.nms.reference, ex.nms.cases).cases:
        gaps = (ops.box_iou(boxes.double(), boxes.double()) - threshold).abs()[labels[:, None] == labels]
        assert bool(((gaps == 0) | (gaps > 0.005)).all()) and len(scores.unique()) == len(scores)


def test_average_precision_is_that_of_the_course_which_is_tested_against_coco():
    for seed, objects in enumerate((1, 3, 9, 27, 77, 201)):
        g = generator(seed)
        for share in (0.0, 0.3, 0.7, 1.0):
            hits = torch.rand(2 * objects + 5, generator=g) < share
            hits &= hits.cumsum(0) <= objects
            got = ex.average_precision.reference(hits, objects)
            assert got == pytest.approx(detection.average_precision(hits, objects), abs=1e-6)


@pytest.mark.parametrize(("found", "objects"), [(1, 1), (3, 3), (3, 7), (50, 200), (99, 100), (0, 4)])
def test_average_precision_without_a_false_report_is_the_share_of_recalls_that_are_reached(found, objects):
    hits = torch.ones(max(found, 1), dtype=torch.bool) if found else torch.zeros(2, dtype=torch.bool)
    want = (100 * found // objects + 1) / 101 if found else 0.0
    assert ex.average_precision.reference(hits, objects) == pytest.approx(want)


# ---------------------------------------------------------------- what answers are made of

conv, pool, iou, ap = (e.reference for e in (ex.conv2d, ex.max_pool, ex.pairwise_iou, ex.average_precision))


def windows(x, k, stride):
    return x.unfold(1, k, stride).unfold(2, k, stride)  # (C, rows, columns, k, k)


def either(first, *others):
    """Return the first of the results that is no error: a wrong answer should be refused for its values."""

    def answer(*arguments):
        for function in (first, *others):
            try:
                return function(*arguments)
            except (RuntimeError, IndexError, ValueError, ZeroDivisionError):
                continue

    return answer


def suppress(boxes, scores, labels, threshold, *, overlap=ops.box_iou, rivals=None, least=-1.0, most=math.inf):
    kept = []
    for i in scores.argsort(descending=True).tolist():
        same = [j for j in kept if labels[j] == labels[i]] if rivals is None else rivals(kept, labels, i)
        if same and overlap(boxes[i : i + 1], boxes[same]).max() > threshold:
            continue
        if scores[i] >= least and len(kept) < most:
            kept.append(i)
    return torch.tensor(kept, dtype=torch.long)


def moved_apart(distance):
    """Return NMS with every box moved by `distance` times its label: wrong where the boxes are larger."""

    def answer(boxes, scores, labels, threshold):
        moved = boxes + distance * labels[:, None].float()
        return ops.nms(moved, scores, threshold)

    return answer


def inner(a, b):
    low, high = torch.maximum(a[:, None, :2], b[:, :2]), torch.minimum(a[:, None, 2:], b[:, 2:])
    return (high - low).clamp(min=0).prod(2)


def area(boxes):
    return (boxes[:, 2:] - boxes[:, :2]).prod(1)


def hull(a, b):
    return (torch.maximum(a[:, None, 2:], b[:, 2:]) - torch.minimum(a[:, None, :2], b[:, :2])).prod(2)


def only_where(condition):
    """Return IoU set to 0 where condition(a, b), for boxes (N, 1, 4) and (1, M, 4), is not met."""
    return lambda a, b: iou(a, b) * condition(a[:, None], b[None])


def corner_inside(a, b):
    """Return whether a corner of b is inside a, or one of a in b."""
    found = False
    for first, second in ((a, b), (b, a)):
        for x, y in itertools.product((0, 2), (1, 3)):
            inside = (first[..., 0] <= second[..., x]) & (second[..., x] <= first[..., 2])
            found = found | (inside & (first[..., 1] <= second[..., y]) & (second[..., y] <= first[..., 3]))
    return found


def curve(hits, objects):
    found = hits.cumsum(0)
    return found / torch.arange(1, len(hits) + 1), found / objects


def at_recalls(hits, objects, pick, levels=tuple(i / 100 for i in range(101))):
    """Return the mean over the levels of pick(precision, recall, level), 0 where it finds nothing."""
    precision, recall = curve(hits, objects)
    values = [pick(precision, recall, level) for level in levels]
    return sum(v.max().item() if len(v) else 0.0 for v in values) / len(levels)


def precision_in_loops(hits, objects, levels=tuple(i / 100 for i in range(101))):
    rows, found = [], 0
    for i, hit in enumerate(hits.tolist(), 1):
        found += hit
        rows.append((found / i, found / objects))
    return sum(max((p for p, r in rows if r >= level), default=0) for level in levels) / len(levels)


def straight(hits, objects):
    """Return the mean of linear interpolation between the points of the curve."""
    precision, recall = curve(hits, objects)
    return float(np.interp(np.linspace(0, 1, 101), recall.numpy(), precision.numpy(), right=0.0).mean())


def recurrence(update, size=1, step=1):
    """Return an answer that goes through the layers with `update(size, step, k, stride)`."""

    def answer(layers):
        return functools.reduce(lambda state, layer: update(*state, *layer), layers, (size, step))[0]

    return answer


# ---------------------------------------------------------------- wrong

WRONG = {
    ex.conv2d: {
        "a stride of 2 unless told": lambda x, weight, stride=2: conv(x, weight, stride),
        "the kernel turned upside down": lambda x, weight, stride=1: conv(x, weight.flip(2), stride),
        "the kernel turned left to right": lambda x, weight, stride=1: conv(x, weight.flip(3), stride),
        "the channels' kernels exchanged": lambda x, weight, stride=1: conv(x, weight.flip(1), stride),
        "as many columns as rows": lambda x, weight, stride=1: conv(x[:, :, : x.shape[1]], weight, stride),
        "the output transposed": lambda x, weight, stride=1: conv(x, weight, stride).mT.clone(),
        "a stride that is no larger than the kernel": lambda x, weight, stride=1: conv(
            x, weight, min(stride, weight.shape[2])
        ),
        "a stride of 2 at most": lambda x, weight, stride=1: conv(x, weight, min(stride, 2)),
        "the stride for rows alone": lambda x, weight, stride=1: conv(x, weight)[:, ::stride].clone(),
        "the stride for columns alone": lambda x, weight, stride=1: conv(x, weight)[:, :, ::stride].clone(),
        "the stride as a dilation": either(
            lambda x, weight, stride=1: F.conv2d(x[None], weight, dilation=stride)[0],
            conv,
        ),
        "(H − k + 1) // stride rows": lambda x, weight, stride=1: conv(x, weight, stride)[
            :, : (x.shape[1] - weight.shape[2] + 1) // stride, : (x.shape[2] - weight.shape[2] + 1) // stride
        ].clone(),
        "one channel on one output": either(
            lambda x, weight, stride=1: conv(x, weight * torch.eye(len(x))[:, :, None, None], stride),
            conv,
        ),
        "the mean of the products": lambda x, weight, stride=1: conv(x, weight, stride) / weight[0].numel(),
        "weights as (C, O, k, k)": either(lambda x, weight, stride=1: conv(x, weight.transpose(0, 1), stride), conv),
        "the window of weights cut to 2 × 2": lambda x, weight, stride=1: conv(
            x[:, : x.shape[1] - max(0, weight.shape[2] - 2), : x.shape[2] - max(0, weight.shape[2] - 2)],
            weight[..., :2, :2],
            stride,
        ),
        "negative numbers cut off": lambda x, weight, stride=1: conv(x, weight, stride).clamp(min=0),
        "zeros around the image": lambda x, weight, stride=1: F.conv2d(
            x[None], weight, stride=stride, padding=weight.shape[2] // 2
        )[0],
        "maps without the axis of the outputs": lambda x, weight, stride=1: conv(x, weight, stride).squeeze(0),
        "whole numbers": lambda x, weight, stride=1: conv(x, weight, stride).round(),
    },
    ex.output_size: {
        "rounded": lambda n, k, stride, padding: round((n + 2 * padding - k) / stride) + 1,
        "a stride that is no larger than the kernel": lambda n, k, stride, padding: (
            (n + 2 * padding - k) // min(stride, k) + 1
        ),
        "a padding that is no larger than half the kernel": lambda n, k, stride, padding: (
            (n + 2 * min(padding, k // 2) - k) // stride + 1
        ),
        "a padding smaller than the kernel": lambda n, k, stride, padding: (
            (n + 2 * min(padding, k - 1) - k) // stride + 1
        ),
        "always half the kernel as padding": lambda n, k, stride, padding: (
            (n + 2 * (k // 2 if padding else 0) - k) // stride + 1
        ),
        "never fewer than the padding": lambda n, k, stride, padding: max(
            (n + 2 * padding - k) // stride + 1, padding + 1
        ),
        "no kernel larger than the image": lambda n, k, stride, padding: (
            (n + 2 * padding - k) // stride + 1 if k <= n else 0
        ),
        "ceil of the places by the stride, less one": lambda n, k, stride, padding: math.ceil(
            (n + 2 * padding - k) / stride
        ),
        "the places that are left over the stride": lambda n, k, stride, padding: len(
            range(0, n + 2 * padding - k, stride)
        ),
        "padding after the stride": lambda n, k, stride, padding: (n - k) // stride + 1 + 2 * padding,
        "padding and image by themselves": lambda n, k, stride, padding: (
            (n - k) // stride + (2 * padding) // stride + 1
        ),
        "n by the stride, k by the stride": lambda n, k, stride, padding: (n + 2 * padding) // stride - k // stride + 1,
        "the larger of kernel and stride": lambda n, k, stride, padding: (n + 2 * padding - k) // max(stride, k) + 1,
        "n over the stride, rounded up": lambda n, k, stride, padding: (
            math.ceil((n + 2 * padding - k + 1) / stride) + 1
        ),
        "a float": lambda n, k, stride, padding: math.floor((n + 2 * padding - k) / stride) + 1.0,
        "transposed convolution": lambda n, k, stride, padding: (n - 1) * stride - 2 * padding + k,
    },
    ex.max_pool: {
        "squares of 2 × 2 always": lambda x, size: F.max_pool2d(x[None], min(size, 2), size)[0],
        "begins at −1000": lambda x, size: pool(x, size).clamp(min=-1000),
        "begins at −1e9": lambda x, size: pool(x, size).clamp(min=-1e9),
        "the smallest number": lambda x, size: -pool(-x, size),
        "the larger of the largest and smallest, signed": lambda x, size: torch.where(
            pool(x, size) > pool(-x, size), pool(x, size), -pool(-x, size)
        ),
        "the mean of the rows' largest": lambda x, size: windows(x, size, size).amax(4).mean(3),
        "the largest of the rows' means": lambda x, size: windows(x, size, size).mean(4).amax(3),
        "the smallest of the rows' largest": lambda x, size: windows(x, size, size).amax(4).amin(3),
        "the diagonal alone": lambda x, size: windows(x, size, size).diagonal(dim1=3, dim2=4).amax(3),
        "the last row and column of a window left out": lambda x, size: windows(x, size, size)[
            ..., : max(1, size - 1), : max(1, size - 1)
        ].amax((3, 4)),
        "the last number of each window": lambda x, size: x[:, size - 1 :: size, size - 1 :: size].clone(),
        "the first row of each window": lambda x, size: windows(x, size, size)[..., 0, :].amax(3),
        "the axes split the other way": lambda x, size: x.reshape(
            len(x), size, x.shape[1] // size, size, x.shape[2] // size
        ).amax((1, 3)),
        "the output transposed": lambda x, size: pool(x, size).mT.clone(),
        "rows and columns of the windows exchanged": lambda x, size: pool(x.mT.reshape(x.shape), size),
        "the second largest where there are many": lambda x, size: (
            windows(x, size, size).flatten(3).sort(3).values[..., -2 if size > 2 else -1]
        ),
        "the largest of its column of windows": lambda x, size: pool(x, size).cummax(1).values,
        "the largest so far over the channels": lambda x, size: pool(x, size).cummax(0).values,
        "the first channel's for all": lambda x, size: pool(x, size)[:1].repeat(len(x), 1, 1),
        "blurred by a soft maximum": lambda x, size: windows(x, size, size).logsumexp((3, 4)),
        "where the largest is": lambda x, size: windows(x, size, size).flatten(3).argmax(3),
        "neighbouring windows overlap by one": lambda x, size: F.max_pool2d(
            F.pad(x, (0, 1, 0, 1), value=-math.inf)[None], size + 1, size
        )[0],
        "as many columns as rows": lambda x, size: pool(x[:, :, : x.shape[1]], size),
    },
    ex.receptive_field: {
        "at most the 28 pixels of a digit": lambda layers: min(28, ex.receptive_field.reference(layers)),
        "at most the 224 pixels of a photo": lambda layers: min(224, ex.receptive_field.reference(layers)),
        "the first layer's stride for all": lambda layers: (
            1 + sum((k - 1) * (layers[0][1] ** i) for i, (k, _) in enumerate(layers))
        ),
        "every stride taken for 2 if above 1": recurrence(
            lambda size, step, k, stride: (size + (k - 1) * step, step * min(stride, 2))
        ),
        "strides added": recurrence(lambda size, step, k, stride: (size + (k - 1) * step, step + stride - 1)),
        "the largest stride so far": recurrence(
            lambda size, step, k, stride: (size + (k - 1) * step, max(step, stride))
        ),
        "kernels taken for odd": recurrence(lambda size, step, k, stride: (size + k // 2 * 2 * step, step * stride)),
        "strides of 1 × 1 kernels left out": recurrence(
            lambda size, step, k, stride: (size + (k - 1) * step, step * (stride if k > 2 else 1))
        ),
        "pooling left out": lambda layers: ex.receptive_field.reference([layer for layer in layers if layer[0] > 2]),
        "the size times the stride": recurrence(lambda size, step, k, stride: (size * stride + k - 1, step)),
        "the size times the stride, from the input on": recurrence(
            lambda size, step, k, stride: ((size - 1) * stride + k, step)
        ),
        "kernels multiplied": lambda layers: math.prod(k for k, _ in layers),
        "the product of all strides times the kernels": lambda layers: (
            1 + math.prod(s for _, s in layers) * sum(k - 1 for k, _ in layers)
        ),
        "the last window left out": lambda layers: ex.receptive_field.reference(layers[:-1]),
        "strides of the layers behind, its own too": lambda layers: (
            1 + sum((k - 1) * math.prod(s for _, s in layers[i:]) for i, (k, _) in enumerate(layers))
        ),
        "the step between two outputs added": lambda layers: (
            ex.receptive_field.reference(layers) + math.prod(s for _, s in layers) - 1
        ),
        "a float": lambda layers: float(ex.receptive_field.reference(layers)),
        "the largest kernel": lambda layers: max(k for k, _ in layers),
    },
    ex.pairwise_iou: {
        "whole pixels counted": lambda a, b: iou(a.floor(), b.floor()).nan_to_num(),
        "boxes rounded": lambda a, b: iou(a.round(), b.round()).nan_to_num(),
        "corners cut off at 0": lambda a, b: iou(a.clamp(min=0), b.clamp(min=0)).nan_to_num(),
        "corners cut off at 64": lambda a, b: iou(a.clamp(max=64), b.clamp(max=64)).nan_to_num(),
        "corners within ±1000": lambda a, b: iou(a.clamp(-1000, 1000), b.clamp(-1000, 1000)).nan_to_num(),
        "a union of at least 1": lambda a, b: inner(a, b) / (area(a)[:, None] + area(b) - inner(a, b)).clamp(min=1),
        "0.001 added to the union": lambda a, b: inner(a, b) / (area(a)[:, None] + area(b) - inner(a, b) + 1e-3),
        "over the area of a": lambda a, b: inner(a, b) / area(a)[:, None],
        "over the area of b": lambda a, b: inner(a, b) / area(b),
        "over the larger area": lambda a, b: inner(a, b) / torch.maximum(area(a)[:, None], area(b)),
        "over the box around both": lambda a, b: inner(a, b) / hull(a, b),
        "Dice": lambda a, b: 2 * inner(a, b) / (area(a)[:, None] + area(b)),
        "generalised IoU": lambda a, b: ops.generalized_box_iou(a, b),
        "0 unless a corner is inside": only_where(corner_inside),
        "0 where one is inside the other": only_where(
            lambda a, b: ~((a[..., :2] < b[..., :2]) & (b[..., 2:] < a[..., 2:])).all(-1)
        ),
        "0 below a half": lambda a, b: iou(a, b) * (iou(a, b) >= 0.5),
        "widths alone": lambda a, b: iou(
            a * torch.tensor([1.0, 0, 1, 0]) + torch.tensor([0.0, 0, 0, 1]),
            b * torch.tensor([1.0, 0, 1, 0]) + torch.tensor([0.0, 0, 0, 1]),
        ),
        "the area of the intersection squared": lambda a, b: iou(a, b) ** 2,
        "sides without a sign": lambda a, b: (
            (torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])).abs().prod(2)
            / (area(a)[:, None] + area(b) - inner(a, b))
        ),
        "each box with its partner only": either(
            lambda a, b: iou(a, b).diagonal().clone() if len(a) == len(b) else 1 / 0, iou
        ),
        "partners where there are as many": lambda a, b: (
            iou(a, b) * torch.eye(len(a)) if len(a) == len(b) else iou(a, b)
        ),
        "rows and columns exchanged where there are as many": lambda a, b: iou(b, a) if len(a) == len(b) else iou(a, b),
        "b's area from a": either(lambda a, b: inner(a, b) / (area(a)[:, None] + area(a) - inner(a, b)), iou),
        "centres and sizes": lambda a, b: iou(
            ops.box_convert(a, "cxcywh", "xyxy"), ops.box_convert(b, "cxcywh", "xyxy")
        ),
        "left, right, top, bottom": lambda a, b: iou(a[:, [0, 2, 1, 3]], b[:, [0, 2, 1, 3]]),
        "flattened": lambda a, b: iou(a, b).flatten(),
        "without axes of one": lambda a, b: iou(a, b).squeeze(),
    },
    ex.nms: {
        **{f"moved apart by {d:g} for each label": moved_apart(d) for d in (10, 100, 1000, 4096, 7680, 1e4, 1e6)},
        "a threshold of one half": lambda boxes, scores, labels, threshold: suppress(boxes, scores, labels, 0.5),
        "no score below a twentieth": functools.partial(suppress, least=0.05),
        "no more than ten boxes": functools.partial(suppress, most=10),
        "compared with the last kept one only": functools.partial(
            suppress, rivals=lambda kept, labels, i: [j for j in kept[-1:] if labels[j] == labels[i]]
        ),
        "compared with the last kept one of its label only": functools.partial(
            suppress, rivals=lambda kept, labels, i: [j for j in kept if labels[j] == labels[i]][-1:]
        ),
        "compared with the surest only": functools.partial(
            suppress, rivals=lambda kept, labels, i: [j for j in kept[:1] if labels[j] == labels[i]]
        ),
        "compared with other labels": functools.partial(
            suppress, rivals=lambda kept, labels, i: [j for j in kept if labels[j] != labels[i]]
        ),
        "labels compared with `is`": functools.partial(
            suppress, rivals=lambda kept, labels, i: [j for j in kept if labels[j] is labels[i]]
        ),
        "labels below 100 only": functools.partial(
            suppress, rivals=lambda kept, labels, i: [j for j in kept if labels[j] == labels[i] < 100]
        ),
        "labels of the sorted list": lambda boxes, scores, labels, threshold: suppress(
            boxes, scores, labels[scores.argsort(descending=True)], threshold
        ),
        "odd and even labels": lambda boxes, scores, labels, threshold: suppress(boxes, scores, labels % 2, threshold),
        "the smaller box instead of the union": functools.partial(
            suppress, overlap=lambda a, b: inner(a, b) / torch.minimum(area(a)[:, None], area(b))
        ),
        "the box around both instead of the union": functools.partial(
            suppress, overlap=lambda a, b: inner(a, b) / hull(a, b)
        ),
        "boxes as pixels, + 1": functools.partial(
            suppress, overlap=lambda a, b: ops.box_iou(a + torch.tensor([0, 0, 1, 1]), b + torch.tensor([0, 0, 1, 1]))
        ),
        "corners cut off at 0": lambda boxes, scores, labels, threshold: ops.batched_nms(
            boxes.clamp(min=0), scores, labels, threshold
        ),
        "the surest of each label": lambda boxes, scores, labels, threshold: suppress(boxes, scores, labels, -1.0),
        "all of them, sorted": lambda boxes, scores, labels, threshold: scores.argsort(descending=True),
        "the suppressed ones": lambda boxes, scores, labels, threshold: torch.tensor(
            sorted(set(range(len(boxes))) - set(suppress(boxes, scores, labels, threshold).tolist())), dtype=torch.long
        ),
        "the boxes": lambda boxes, scores, labels, threshold: boxes[suppress(boxes, scores, labels, threshold)],
        "their scores": lambda boxes, scores, labels, threshold: scores[suppress(boxes, scores, labels, threshold)],
        "a mask": lambda boxes, scores, labels, threshold: torch.zeros(len(boxes), dtype=torch.bool).index_fill(
            0, suppress(boxes, scores, labels, threshold), True
        ),
        "the least sure first": lambda boxes, scores, labels, threshold: suppress(
            boxes, scores, labels, threshold
        ).flip(0),
        "indices as floats": lambda boxes, scores, labels, threshold: suppress(
            boxes, scores, labels, threshold
        ).float(),
    },
    ex.average_precision: {
        "reports as objects": lambda hits, objects: ap(hits, len(hits)),
        "one object more": lambda hits, objects: ap(hits, objects + 1),
        "precision at exactly that recall or before": lambda hits, objects: at_recalls(
            hits, objects, lambda p, r, level: p[r <= level][-1:] if level <= r[-1] else p[:0]
        ),
        "best precision up to that recall": lambda hits, objects: at_recalls(
            hits, objects, lambda p, r, level: p[r <= level] if level <= r[-1] else p[:0]
        ),
        "the last row that reaches it": lambda hits, objects: at_recalls(
            hits, objects, lambda p, r, level: p[r >= level][-1:]
        ),
        "recalls 0.01 to 1": lambda hits, objects: at_recalls(
            hits, objects, lambda p, r, level: p[r >= level], [i / 100 for i in range(1, 101)]
        ),
        "recalls 0 to 0.9 and 1": lambda hits, objects: at_recalls(
            hits, objects, lambda p, r, level: p[r >= level], [i / 10 for i in range(11)]
        ),
        "101 recalls divided by 100": lambda hits, objects: ap(hits, objects) * 1.01,
        "1001 recalls": lambda hits, objects: at_recalls(
            hits, objects, lambda p, r, level: p[r >= level], [i / 1000 for i in range(1001)]
        ),
        "0.01 added up": lambda hits, objects: precision_in_loops(
            hits, objects, [*itertools.accumulate([0.01] * 100, initial=0.0)]
        ),
        "a straight line between the points": straight,
        "the trapezoids under the curve": lambda hits, objects: torch.trapezoid(*curve(hits, objects)).item(),
        "the mean precision where something was found": lambda hits, objects: (
            curve(hits, objects)[0][hits].mean().item() if hits.any() else 0.0
        ),
        "the mean precision along the list": lambda hits, objects: curve(hits, objects)[0].mean().item(),
        "the best precision": lambda hits, objects: curve(hits, objects)[0].max().item(),
        "precision and recall at the end multiplied": lambda hits, objects: (
            curve(hits, objects)[0][-1] * curve(hits, objects)[1][-1]
        ).item(),
        "the least sure first": lambda hits, objects: ap(hits.flip(0), objects),
        "per cent": lambda hits, objects: 100 * ap(hits, objects),
        "two decimals": lambda hits, objects: round(ap(hits, objects), 2),
        "not a number where nothing is found": lambda hits, objects: ap(hits, objects) if hits.any() else math.nan,
        "no more than a hundred reports": lambda hits, objects: ap(hits[:100], objects),
        "no recall beyond the last miss": lambda hits, objects: (
            ap(hits[: int((~hits).nonzero()[-1]) + 1], objects) if not hits.all() else ap(hits, objects)
        ),
    },
}

# ---------------------------------------------------------------- right


def conv_in_loops(x, weight, stride=1):
    x, weight = x.double().numpy(), weight.double().numpy()
    (maps, C, k, _), (_, H, W) = weight.shape, x.shape
    y = np.zeros((maps, -(-(H - k + 1) // stride), -(-(W - k + 1) // stride)))
    for o, c, i, j in itertools.product(range(maps), range(C), range(k), range(k)):
        y[o] += weight[o, c, i, j] * x[c, i : H - k + 1 + i : stride, j : W - k + 1 + j : stride]
    return torch.from_numpy(y)


def pool_in_loops(x, size):
    C, H, W = x.shape
    y = torch.full((C, H // size, W // size), -math.inf)
    for c, r, s in itertools.product(range(C), range(H), range(W)):
        y[c, r // size, s // size] = max(y[c, r // size, s // size], x[c, r, s])
    return y


def iou_in_loops(a, b):
    result = torch.zeros(len(a), len(b))
    for i, p in enumerate(a.tolist()):
        for j, q in enumerate(b.tolist()):
            wide, high = (max(0.0, min(p[d + 2], q[d + 2]) - max(p[d], q[d])) for d in (0, 1))
            both, areas = wide * high, sum((box[2] - box[0]) * (box[3] - box[1]) for box in (p, q))
            result[i, j] = both / (areas - both)
    return result


def nms_label_by_label(boxes, scores, labels, threshold):
    kept = []
    for label in labels.unique():
        own = (labels == label).nonzero().flatten()
        kept += own[ops.nms(boxes[own], scores[own], threshold)].tolist()
    return torch.tensor(sorted(kept, key=lambda i: -scores[i].item()), dtype=torch.int32)


def nms_by_dropping(boxes, scores, labels, threshold):
    left, kept = scores.argsort(descending=True), []
    overlap = iou(boxes.double(), boxes.double())
    while len(left):
        kept.append(left[0])
        left = left[1:]
        left = left[(overlap[kept[-1], left] <= threshold) | (labels[left] != labels[kept[-1]])]
    return torch.stack(kept)


def precision_under_envelope(hits, objects):
    precision, recall = curve(hits, objects)
    best = torch.cat([precision.flip(0).cummax(0).values.flip(0), torch.zeros(1)])
    return best[torch.searchsorted(recall, torch.linspace(0, 1, 101))].mean()


def field_of_two_pixels(layers):
    first = last = 0
    for k, stride in reversed(layers):
        first, last = first * stride, last * stride + k - 1
    return last - first + 1


RIGHT = {
    ex.conv2d: {
        "F.conv2d": lambda x, weight, stride=1: F.conv2d(x[None], weight, stride=stride).squeeze(0),
        "loops over the kernel, in NumPy and float64": conv_in_loops,
        "windows and einsum": lambda x, weight, stride=1: torch.einsum(
            "crsij,ocij->ors", windows(x, weight.shape[2], stride), weight
        ),
        "every place, then each stride-th": lambda x, weight, stride=1: F.conv2d(x, weight)[:, ::stride, ::stride],
        "F.unfold": lambda x, weight, stride=1: (
            weight.flatten(1) @ F.unfold(x[None], weight.shape[2], stride=stride)[0]
        ).reshape(len(weight), *windows(x, weight.shape[2], stride).shape[1:3]),
    },
    ex.output_size: {
        "int of a quotient": lambda n, k, stride, padding: int((n + 2 * padding - k) / stride + 1),
        "floor": lambda n, k, stride, padding: math.floor((n + 2 * padding - k) / stride) + 1,
        "a range's length": lambda n, k, stride, padding: len(range(0, n + 2 * padding - k + 1, stride)),
        "PyTorch's formula": lambda n, k, stride, padding: (n + 2 * padding - (k - 1) - 1 + stride) // stride,
        "a count": lambda n, k, stride, padding: sum(
            start + k <= n + 2 * padding for start in range(0, n + 2 * padding, stride)
        ),
    },
    ex.max_pool: {
        "F.max_pool2d": lambda x, size: F.max_pool2d(x, size),
        "loops over the pixels": pool_in_loops,
        "unfold": lambda x, size: windows(x, size, size).flatten(3).max(dim=3).values,
        "NumPy": lambda x, size: torch.from_numpy(
            x.numpy().reshape(len(x), x.shape[1] // size, size, -1, size).max(axis=(2, 4))
        ),
    },
    ex.receptive_field: {
        "from the output to the input": field_of_two_pixels,
        "a sum of products": lambda layers: (
            1 + sum((k - 1) * math.prod(s for _, s in layers[:i]) for i, (k, _) in enumerate(layers))
        ),
        "the pixels themselves": lambda layers: len(
            functools.reduce(
                lambda seen, layer: {p * layer[1] + i for p in seen for i in range(layer[0])}, layers[::-1], {0}
            )
        ),
        "a tensor": lambda layers: torch.tensor(ex.receptive_field.reference(layers)),
    },
    ex.pairwise_iou: {
        "loops": iou_in_loops,
        "torchvision": ops.box_iou,
        "in float64": lambda a, b: iou(a.double(), b.double()),
        "a very small number added to the union": lambda a, b: (
            inner(a, b) / (area(a)[:, None] + area(b)[None] - inner(a, b) + 1e-7)
        ),
    },
    ex.nms: {
        "torchvision": ops.batched_nms,
        "label by label, in int32": nms_label_by_label,
        "as in the notebook, dropping what is left": nms_by_dropping,
        "moved apart by the width of all": lambda boxes, scores, labels, threshold: ops.nms(
            boxes.double() + labels[:, None] * (boxes.max() - boxes.min() + 1).double(), scores.double(), threshold
        ),
    },
    ex.average_precision: {
        "loops": precision_in_loops,
        "the envelope and a search": precision_under_envelope,
        "the course's own": detection.average_precision,
        "a matrix": lambda hits, objects: (
            ((curve(hits, objects)[1] >= torch.linspace(0, 1, 101)[:, None]) * curve(hits, objects)[0]).amax(1).mean()
        ),
    },
}


def each(answers):
    found = []
    for exercise, named in answers.items():
        for name, answer in named.items():
            found.append(pytest.param(exercise, answer, id=f"{exercise.name}: {name}"))
    return found


@pytest.mark.parametrize(("exercise", "answer"), each(WRONG))
def test_a_plausible_wrong_answer_is_refused(exercise, answer):
    assert exercise.judge(answer)[0] == "wrong"


@pytest.mark.parametrize(("exercise", "answer"), each(RIGHT))
def test_a_right_answer_in_another_style_passes(exercise, answer):
    assert exercise.judge(answer) == ("passed", exercise.judge(exercise.reference)[1])
