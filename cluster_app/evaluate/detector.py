"""The whole way from pixels to detections, with any backend: what accuracy, video and Table 1 are measured on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import List, Tuple

import cv2
import numpy as np

from cluster_app.backends import Backend, open_backend
from cluster_app.backends.folder import ModelFolder
from cluster_app.evaluate.errors import BadInput
from cluster_app.tasks import Bytes, Detection, Floats, PostprocessOptions
from cluster_app.tasks.yolact import YolactTask
from cluster_app.tasks.yolact.categories import CATEGORIES


@dataclass(frozen=True)
class Detector:
    """A backend with what its network needs around it."""

    model: ModelFolder
    backend: Backend
    task: YolactTask
    priors: Floats
    options: PostprocessOptions = field(default_factory=PostprocessOptions)

    def detect(self, image: Bytes) -> List[Detection]:
        """(H, W, 3) uint8 BGR -> detections by falling score."""
        outputs = self.backend.run(self.task.preprocess(image, self.model.image_size))
        return self.task.postprocess(outputs, self.priors, image.shape[0], image.shape[1], self.options)


def open_detector(kind: str, model: ModelFolder, threads: int) -> Detector:
    """Raises BadInput for a model folder that is not whole, backends.Unavailable for what cannot run here."""
    try:
        backend = open_backend(kind, model, threads)
        return Detector(model, backend, YolactTask(names=dict(model_categories(model))), model.priors())
    except ValueError as error:
        raise BadInput(str(error)) from None


def read_model(folder: Path) -> ModelFolder:
    """Raises BadInput if the folder is no model folder."""
    try:
        return ModelFolder.read(folder)
    except ValueError as error:
        raise BadInput(str(error)) from None


def model_categories(model: ModelFolder) -> Tuple[Tuple[int, str], ...]:
    """(id, name) of the model's classes in order: its manifest's, or COCO's for a model of 80 classes without them.

    Names are empty where nothing tells them.
    """
    if model.categories:
        return model.categories
    if model.num_classes == len(CATEGORIES) + 1:
        return CATEGORIES
    return tuple((index, "") for index in range(1, model.num_classes))


def check_categories(model: ModelFolder, categories: Tuple[Tuple[int, str], ...], file: Path) -> None:
    """Raises BadInput unless the data set's categories are classes of the model, under the same ids."""
    known = dict(model_categories(model))
    wrong = [
        f"{file}: categories: id {key} is {name!r}, in {model.name} it is {known.get(key, 'no class')!r}"
        for key, name in categories
        if known.get(key) not in (name, "")
    ]
    if wrong:
        raise BadInput(*wrong, f"{file}: evaluate a model that was trained on this data set's classes")


def read_image(path: Path) -> Bytes:
    """A picture as (H, W, 3) uint8 BGR, as the job decodes it: alpha dropped, orientation marks left alone.

    Raises BadInput if it cannot be decoded.
    """
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flags)
    if image is None:
        raise BadInput(f"{path}: cannot be decoded; give a JPEG or PNG file")
    return image.astype(np.uint8, copy=False)
