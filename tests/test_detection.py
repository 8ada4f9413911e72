"""Detection scores: equal to a case worked by hand, to COCO's own code, and to torchvision's IoU."""

import contextlib
import io

import pytest
import torch

from course_utils import detection
from course_utils.detection import Detections, average_precision, match, mean_average_precision
from course_utils.exercises import convolutional_networks as ex

BOX, NEAR, FAR = [0.0, 0, 10, 10], [2.0, 0, 12, 10], [30.0, 30, 40, 40]


def detections(*rows):
    """Detections from rows (scene, box, label, score)."""
    scene, boxes, labels, scores = zip(*rows, strict=True)
    return Detections(torch.tensor(scene), torch.tensor(boxes), torch.tensor(labels), torch.tensor(scores))


def test_average_precision_of_a_case_worked_by_hand():
    # right, wrong, right, right out of 4: precisions 1, 1/2, 2/3, 3/4 at recalls 1/4, 1/4, 1/2, 3/4.
    # Recalls 0 … 0.25 (26 of them) reach 1; 0.26 … 0.75 (50) reach 3/4; 0.76 … 1 (25) are never reached.
    hits = torch.tensor([True, False, True, True])
    assert average_precision(hits, 4) == pytest.approx((26 * 1 + 50 * 0.75) / 101)
    assert average_precision(torch.zeros(0, dtype=torch.bool), 3) == 0
    assert average_precision(torch.ones(5, dtype=torch.bool), 5) == 1


def test_the_surest_takes_a_digit_first_and_only_once_and_labels_and_scenes_are_kept_apart():
    found = detections((0, NEAR, 3, 0.5), (0, BOX, 3, 0.9), (0, BOX, 4, 0.8), (1, BOX, 3, 0.7), (1, FAR, 3, 0.6))
    boxes = torch.tensor([[BOX, FAR], [BOX, FAR]])
    labels = torch.tensor([[3, 4], [3, -1]])
    assert match(found, boxes, labels, iou=0.5).tolist() == [-1, 0, -1, 0, -1]
    # IoU of NEAR and BOX is 80 / 120: below a higher threshold nothing of it counts
    assert match(detections((0, NEAR, 3, 0.5)), boxes, labels, iou=0.7).tolist() == [-1]
    # class 3: right, right (scene 1), wrong, wrong of 2; class 4: wrong of 1
    assert mean_average_precision(found, boxes, labels, iou=0.5) == pytest.approx((1 + 0) / 2)


def random_case(seed, scenes=60, most=4, n=500):
    """Random true boxes with labels, and detections near them: many right, some wrong, all scores different."""
    g = torch.Generator().manual_seed(seed)
    corner, sides = 40 * torch.rand(scenes, most, 2, generator=g), 5 + 15 * torch.rand(scenes, most, 2, generator=g)
    boxes, labels = torch.cat([corner, corner + sides], dim=2), torch.randint(-1, 3, (scenes, most), generator=g)
    scene, k = torch.randint(scenes, (n,), generator=g), torch.randint(most, (n,), generator=g)
    near = boxes[scene, k] + 1.5 * torch.randn(n, 4, generator=g)
    named = torch.where(
        torch.rand(n, generator=g) < 0.8, labels[scene, k].clamp(min=0), torch.randint(3, (n,), generator=g)
    )
    return Detections(scene, near, named, (torch.randperm(n, generator=g) + 1.0) / n), boxes, labels


def coco(found, boxes, labels, iou):
    """Return mean average precision by COCO's own code."""
    coco_module, evaluation = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    corner_and_size = lambda box: [*box[:2], box[2] - box[0], box[3] - box[1]]
    true = coco_module.COCO()
    here = (labels >= 0).nonzero().tolist()
    true.dataset = {
        "images": [{"id": i} for i in range(len(boxes))],
        "categories": [{"id": c} for c in labels[labels >= 0].unique().tolist()],
        "annotations": [
            {"id": j + 1, "image_id": i, "category_id": int(labels[i, k]), "area": 1, "iscrowd": 0}
            | {"bbox": corner_and_size(boxes[i, k].tolist())}
            for j, (i, k) in enumerate(here)
        ],
    }
    rows = zip(found.scene.tolist(), found.boxes.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True)
    with contextlib.redirect_stdout(io.StringIO()):
        true.createIndex()
        results = [dict(image_id=s, bbox=corner_and_size(b), category_id=c, score=p) for s, b, c, p in rows]
        run = evaluation.COCOeval(true, true.loadRes(results), "bbox")
        run.params.iouThrs = [iou]
        run.evaluate()
        run.accumulate()
    return run.eval["precision"][0, :, :, 0, -1].mean()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("iou", [0.3, 0.5, 0.75])
def test_mean_average_precision_is_that_of_cocos_own_code(seed, iou):
    found, boxes, labels = random_case(seed)
    ours = mean_average_precision(found, boxes, labels, iou=iou)
    assert 0.02 < ours < 0.9
    assert ours == pytest.approx(coco(found, boxes, labels, iou), abs=1e-9)


def test_the_references_of_the_exercises_agree_with_pytorch_torchvision_and_coco():
    from torchvision import ops

    g = torch.Generator().manual_seed(0)
    x, weight = torch.randn(3, 9, 8, generator=g), torch.randn(4, 3, 3, 3, generator=g)
    for stride in (1, 2, 3):
        expected = torch.nn.functional.conv2d(x[None], weight, stride=stride)[0]
        torch.testing.assert_close(ex.conv2d.reference(x, weight, stride), expected, atol=1e-5, rtol=1e-5)
        for k, padding in ((3, 0), (5, 2)):
            size = torch.nn.functional.conv2d(torch.zeros(1, 1, 17, 17), torch.zeros(1, 1, k, k), None, stride, padding)
            assert ex.output_size.reference(17, k, stride, padding) == size.shape[3]
    assert torch.equal(ex.max_pool.reference(x[:, :8], 2), torch.nn.functional.max_pool2d(x[:, :8], 2))
    found, boxes, _ = random_case(1, n=80)
    iou = ex.pairwise_iou.reference(found.boxes, boxes[0])
    torch.testing.assert_close(iou, ops.box_iou(found.boxes, boxes[0]))
    kept = ex.nms.reference(found.boxes, found.scores, found.labels, 0.3)
    assert kept.tolist() == ops.batched_nms(found.boxes, found.scores, found.labels, 0.3).tolist()
    hits = torch.rand(50, generator=g) < 0.7
    assert ex.average_precision.reference(hits, 41) == pytest.approx(average_precision(hits, 41))


def test_the_receptive_field_of_the_reference_is_where_a_gradient_arrives():
    layers = [(5, 1), (2, 2), (3, 1), (3, 2), (2, 1)]
    x = torch.zeros(1, 1, 61, 61, dtype=torch.float64, requires_grad=True)
    y = x
    for k, stride in layers:
        y = torch.nn.functional.conv2d(y, torch.ones(1, 1, k, k, dtype=torch.float64), stride=stride)
    (grad,) = torch.autograd.grad(y[0, 0, 3, 3], x)
    assert int((grad[0, 0].sum(0) != 0).sum()) == ex.receptive_field.reference(layers)


def test_windows_are_cut_around_boxes_and_put_back_where_they_were():
    x = torch.arange(2 * 64 * 64, dtype=torch.float32).reshape(2, 1, 64, 64)
    boxes, index = torch.tensor([[20.0, 10, 40, 30], [50.0, 54, 64, 64]]), torch.tensor([1, 0])
    windows, corner = detection.look(x, index, boxes)
    assert corner.tolist() == [[14, 4], [41, 43]]
    assert torch.equal(windows[0, 0], x[1, 0, 4:36, 14:46])
    assert torch.equal(windows[1, 0, :21, :23], x[0, 0, 43:, 41:]) and windows[1, 0, 21:].abs().sum() == 0
    assert windows[0, 1].sum() == 20 * 20 and windows[0, 1, 6:26, 6:26].min() == 1
    assert torch.equal(detection.look(x - 5, index, boxes)[0], windows), "paper is 0, whatever its grey"
    beyond = detection.cut(x[:, 0] + 1, index, torch.tensor([[-40, 0], [40, 200]]))
    assert beyond.abs().sum() == 0, "a window may lie outside altogether"
    back = detection.on_canvas(windows[:, 0], corner, 64)
    assert torch.equal(back[0, 4:36, 14:46], x[1, 0, 4:36, 14:46]) and back[0, :4].abs().sum() == 0
    assert torch.equal(back[1, 43:, 41:], x[0, 0, 43:, 41:])
    assert detection.on_canvas(windows[:0, 0] > 0, corner[:0], 64).shape == (0, 64, 64)
