"""YOLACT's loss: which prior answers for which object, and what its predictions cost.

Source: Bolya et al., "YOLACT", 2019, sections 3.1, 3.3 and 4.1, with SSD's matching and mining (Liu et al., 2016).
Of the published training it differs in this: masks are compared with the share of each prototype cell that an
object covers instead of 0 or 1; and up to 48 priors an image enter the mask loss instead of 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from cluster_app.network.model import Raw

POSITIVE_IOU, NEGATIVE_IOU = 0.5, 0.4
NEGATIVES_PER_POSITIVE = 3
MASKS_PER_IMAGE = 48
WEIGHTS = {"box": 1.5, "class": 1.0, "mask": 6.125, "semantic": 1.0}
_IGNORED = -1


@dataclass(frozen=True)
class Objects:
    """One image's n objects as tensors, see `data.Target`."""

    boxes: torch.Tensor
    classes: torch.Tensor
    masks: torch.Tensor


@dataclass(frozen=True)
class Matched:
    """For each of N priors: class (N,) int64, 0 background, -1 neither; object (N,) int64, the nearest one."""

    classes: torch.Tensor
    objects: torch.Tensor


def loss(
    raw: Raw, semantic: torch.Tensor, objects: Sequence[Objects], priors: torch.Tensor, variances: tuple[float, float]
) -> dict[str, torch.Tensor]:
    """The weighted parts "box", "class", "mask", "semantic" of the loss; their sum is what is minimised.

    raw: as from Yolact.logits. semantic: (B, C - 1, h, w) logits. priors: (N, 4) cx, cy, w, h as fractions.
    Box and class parts are sums over a batch divided by its number of positive priors; the mask part is the mean
    over its positives; the semantic part is the sum over classes of the mean over cells and images.
    """
    loc, logits, coefficients, proto = raw
    matched = [match(one.boxes, one.classes, priors) for one in objects]
    classes = torch.stack([one.classes for one in matched])
    count = max(1, int((classes > 0).sum()))
    box, masks, mask_count = loc.sum() * 0, proto.sum() * 0, 0
    for index, (one, found) in enumerate(zip(objects, matched)):
        positive = torch.nonzero(found.classes > 0)[:, 0]
        if not len(positive):
            continue
        own = one.boxes[found.objects[positive]]
        wanted = encode(own, priors[positive], variances)
        box = box + functional.smooth_l1_loss(loc[index, positive], wanted, reduction="sum")
        chosen = torch.arange(len(positive))
        if len(positive) > MASKS_PER_IMAGE:
            chosen = torch.linspace(0, len(positive) - 1, MASKS_PER_IMAGE).round().long()
        predicted = proto[index] @ torch.tanh(coefficients[index, positive[chosen]]).T
        masks = masks + mask_loss(predicted, one.masks[found.objects[positive[chosen]]], own[chosen])
        mask_count += len(chosen)
    parts = {
        "box": box / count,
        "class": class_loss(logits, classes) / count,
        "mask": masks / max(1, mask_count),
        "semantic": semantic_loss(semantic, objects),
    }
    return {name: WEIGHTS[name] * part for name, part in parts.items()}


def match(boxes: torch.Tensor, classes: torch.Tensor, priors: torch.Tensor) -> Matched:
    """Boxes (n, 4) x1, y1, x2, y2 and classes (n,) from 1 -> what each prior should say.

    Positive from an IoU of 0.5 on, background under 0.4, and each object's best prior is positive in any case.
    """
    if not len(boxes):
        nothing = torch.zeros(len(priors), dtype=torch.int64)
        return Matched(nothing, nothing)
    corners = torch.cat([priors[:, :2] - priors[:, 2:] / 2, priors[:, :2] + priors[:, 2:] / 2], dim=1)
    overlap = iou(boxes, corners)
    best, nearest = overlap.max(dim=0)
    # The best objects last, so that they win a prior that is the best of two.
    order = overlap.max(dim=1).values.argsort()
    for index in order.tolist():
        prior = int(overlap[index].argmax())
        best[prior], nearest[prior] = 1.0, index
    found = classes[nearest]
    found = torch.where(best < POSITIVE_IOU, torch.full_like(found, _IGNORED), found)
    found = torch.where(best < NEGATIVE_IOU, torch.zeros_like(found), found)
    return Matched(found, nearest)


def iou(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """IoU of boxes (n, 4) with boxes (m, 4), as (n, m); 0 for boxes without area."""
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    high = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=2)
    area = (first[:, 2:] - first[:, :2]).prod(dim=1)[:, None] + (second[:, 2:] - second[:, :2]).prod(dim=1)
    return shared / (area - shared).clamp(min=1e-9)


def encode(boxes: torch.Tensor, priors: torch.Tensor, variances: tuple[float, float]) -> torch.Tensor:
    """The regressions (n, 4) that `tasks.yolact.decode` would turn into these boxes."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    sizes = boxes[:, 2:] - boxes[:, :2]
    moved = (centres - priors[:, :2]) / (variances[0] * priors[:, 2:])
    return torch.cat([moved, torch.log(sizes / priors[:, 2:]) / variances[1]], dim=1)


def class_loss(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Sum of the cross-entropy of positives and of the hardest negatives, three for each positive of an image.

    logits (B, N, C); classes (B, N), 0 background, -1 neither. Hardest: furthest from saying background.
    """
    with torch.no_grad():
        doubt = torch.logsumexp(logits, dim=2) - logits[:, :, 0]
        doubt = doubt.masked_fill(classes != 0, -1.0)
        rank = doubt.argsort(dim=1, descending=True).argsort(dim=1)
        wanted = NEGATIVES_PER_POSITIVE * (classes > 0).sum(dim=1, keepdim=True)
        chosen = (classes > 0) | ((classes == 0) & (rank < wanted))
    return functional.cross_entropy(logits[chosen], classes[chosen], reduction="sum")


def mask_loss(predicted: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Sum over n masks of the mean binary cross-entropy inside of each one's box.

    predicted (h, w, n) logits; masks (n, h, w) in 0..1; boxes (n, 4) as fractions. A cell belongs to a box if
    the box has a part of it. The mean, not the sum: small objects count as much as large ones.
    """
    height, width, _ = predicted.shape
    column, row = torch.arange(width), torch.arange(height)
    in_columns = (column + 1 > boxes[:, 0:1] * width) & (column < boxes[:, 2:3] * width)
    in_rows = (row + 1 > boxes[:, 1:2] * height) & (row < boxes[:, 3:4] * height)
    inside = in_rows[:, :, None] & in_columns[:, None, :]
    # Only the cells inside are compared: they are a small part of all.
    cells = functional.binary_cross_entropy_with_logits(
        predicted.permute(2, 0, 1)[inside], masks[inside], reduction="none"
    )
    areas = inside.sum(dim=(1, 2))
    return (cells / areas.repeat_interleave(areas)).sum()


def semantic_loss(logits: torch.Tensor, objects: Sequence[Objects]) -> torch.Tensor:
    """Binary cross-entropy of (B, C - 1, h, w) logits with where objects of each class are."""
    wanted = torch.zeros_like(logits)
    for index, one in enumerate(objects):
        if len(one.masks):
            small = functional.adaptive_avg_pool2d(one.masks[None], logits.shape[2:])[0]
            for place, mask in zip(one.classes.tolist(), small):
                wanted[index, place - 1] = torch.maximum(wanted[index, place - 1], mask)
    each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return each.mean(dim=(0, 2, 3)).sum()
