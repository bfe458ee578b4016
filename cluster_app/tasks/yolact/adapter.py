"""YOLACT behind the pipeline's `Task` seam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cluster_app.tasks import Bytes, Detection, Floats, PostprocessOptions
from cluster_app.tasks.yolact import masks, overlay
from cluster_app.tasks.yolact.categories import NAMES_BY_ID, category_ids
from cluster_app.tasks.yolact.config import INPUT_NAME, MEAN_BGR, OUTPUT_NAMES, STD_BGR, YolactConfig
from cluster_app.tasks.yolact.decode import decode
from cluster_app.tasks.yolact.nms import select
from cluster_app.tasks.yolact.preprocess import preprocess

_FEWEST_CLASSES = 2  # the background and one more
_RANK = {"loc": 2, "conf": 2, "mask": 2, "proto": 3}


class YolactTask:
    """YOLACT at any input size and with any classes: priors and outputs say which.

    names: what to write beside a detection, by category id, as `categories.names_of` reads it from a model's
    manifest; omitted: COCO's. How many classes there are is told by the outputs, see `categories.category_ids`.
    """

    name = "yolact"
    mean = MEAN_BGR
    std = STD_BGR
    input_name = INPUT_NAME
    output_names = OUTPUT_NAMES

    def __init__(self, config: YolactConfig | None = None, names: Mapping[int, str] | None = None) -> None:
        self._config = config or YolactConfig()
        self._names = NAMES_BY_ID if names is None else names

    def preprocess(self, image: Bytes, image_size: int) -> Floats:
        """See `preprocess.preprocess`."""
        return preprocess(image, image_size)

    def postprocess(
        self,
        outputs: Mapping[str, Floats],
        priors: Floats,
        height: int,
        width: int,
        options: PostprocessOptions,
    ) -> list[Detection]:
        """Raw outputs of one image -> detections by falling score, in a height x width original.

        outputs: loc (N, 4), conf (N, C) softmaxed, background first, mask (N, k), proto (h, w, k), float32; axes of
        length 1 before these are taken off. priors: (N, 4). Raises ValueError that names the output
        that is missing, has the wrong shape, or holds a value that is not finite.

        As in the published COCO evaluation, a detection whose box has no area once it is clipped
        and truncated is dropped, and one whose mask is empty is kept.
        """
        loc, conf, coefficients, proto = _checked(outputs, priors)
        boxes = decode(loc, priors, self._config.variances)
        ids = category_ids(conf.shape[1])
        chosen = select(conf, boxes, self._config, options)
        in_pixels = masks.pixel_boxes(boxes[chosen.prior], height, width)
        has_area = (in_pixels[:, 2:] > in_pixels[:, :2]).all(axis=1)
        kept = chosen.prior[has_area]
        encoded = masks.encode(proto, coefficients[kept], boxes[kept], height, width, options.mask_threshold)
        return [
            Detection(
                category_id=ids[class_index],
                score=float(score),
                bbox=(float(x1), float(y1), float(x2 - x1), float(y2 - y1)),
                segmentation=segmentation,
            )
            for segmentation, class_index, score, (x1, y1, x2, y2) in zip(
                encoded, chosen.class_index[has_area], chosen.score[has_area], in_pixels[has_area]
            )
        ]

    def draw(self, image: Bytes, detections: Sequence[Detection]) -> Bytes:
        """See `overlay.draw`."""
        return overlay.draw(image, detections, self._names)


def _checked(outputs: Mapping[str, Floats], priors: Floats) -> list[Floats]:
    arrays = [_one(outputs, name) for name in OUTPUT_NAMES]
    count = len(priors)
    for name, array in zip(OUTPUT_NAMES, arrays):
        if name != "proto" and len(array) != count:
            raise ValueError(
                f"output {name!r} is for {len(array)} priors, the priors file has {count}: "
                "model and priors must be of the same input size"
            )
    if arrays[2].shape[-1] != arrays[3].shape[-1]:
        raise ValueError(
            f"output 'mask' has {arrays[2].shape[-1]} coefficients, 'proto' has {arrays[3].shape[-1]} prototypes"
        )
    return arrays


def _one(outputs: Mapping[str, Floats], name: str) -> Floats:
    if name not in outputs:
        raise ValueError(f"output {name!r} is missing; there are: {', '.join(sorted(outputs)) or 'none'}")
    array = np.asarray(outputs[name], np.float32)
    rank = _RANK[name]
    extra, shape = array.shape[: max(0, array.ndim - rank)], array.shape[-rank:]
    if array.ndim < rank or any(axis != 1 for axis in extra) or not _fits(name, shape[-1]):
        raise ValueError(f"output {name!r} has shape {array.shape}; expected one image's, see YolactConfig")
    if not np.isfinite(array).all():
        raise ValueError(f"output {name!r} holds values that are not finite: the network's input or weights are bad")
    return array.reshape(shape)


def _fits(name: str, last_axis: int) -> bool:
    return {"loc": last_axis == 4, "conf": last_axis >= _FEWEST_CLASSES}.get(name, True)
