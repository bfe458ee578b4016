"""Holds every artefact of a folder against the PyTorch network, and draws what each of them sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cluster_app.backends import open_backend
from cluster_app.backends.folder import ModelFolder
from cluster_app.network import pictures, verify
from cluster_app.network.artefacts import ONNX, Artefact, Limits, limits
from cluster_app.network.convert import constants
from cluster_app.network.model import Yolact
from cluster_app.network.photos import Photo
from cluster_app.network.prepost import check_embedded, open_embedded
from cluster_app.network.verify import Agreement, Difference, Outputs
from cluster_app.tasks import Detection, Floats, PostprocessOptions
from cluster_app.tasks.yolact import YolactTask, rle
from cluster_app.tasks.yolact.preprocess import preprocess


@dataclass(frozen=True)
class Checked:
    """What is known of one artefact: bytes of its constants by type and its convolutions and products by arithmetic
    (both empty for ONNX), its differences to PyTorch, its detections beside PyTorch's, and what was allowed.
    """

    artefact: Artefact
    constants: Mapping[str, int]
    executed: Mapping[str, int]
    differences: Mapping[str, Difference]
    agreement: Agreement
    limits: Limits


@dataclass(frozen=True)
class Subject:
    """The folder's network in PyTorch, its priors, and what `open_backend` must know of the folder."""

    model: Yolact
    priors: Floats
    folder: ModelFolder

    def detect(self, outputs: Outputs, photo: Photo) -> list[Detection]:
        """The objects in the photograph, by falling score: score over the threshold, and a mask that is not empty."""
        height, width = photo.pixels.shape[:2]
        found = YolactTask(self.model.config).postprocess(outputs, self.priors, height, width, PostprocessOptions())
        return [detection for detection in verify.over_threshold(found) if rle.area(detection.segmentation)]


def compare(
    subject: Subject, artefacts: Sequence[Artefact], photos: Sequence[Photo], threads: int, *, draw: bool
) -> list[Checked]:
    """Every artefact on the same photographs as PyTorch; draw: write seen-N.png into the folder.

    Raises RuntimeError, naming artefact and output, when one is beyond its limits.
    """
    size, folder = subject.model.config.image_size, subject.folder
    run = verify.torch_backend(subject.model)
    reference = [run(preprocess(photo.pixels, size)) for photo in photos]
    expected = [subject.detect(outputs, photo) for outputs, photo in zip(reference, photos)]
    checked, seen = [], [{"PyTorch": detections} for detections in expected]
    for artefact in artefacts:
        run_artefact = open_artefact(artefact, folder, threads)
        outputs = [run_artefact(photo) for photo in photos]
        found = [subject.detect(one, photo) for one, photo in zip(outputs, photos)]
        one = Checked(
            artefact,
            {} if artefact == ONNX else constants(folder.path / artefact.file),
            {} if artefact == ONNX else verify.executed_layers(folder.path / artefact.file),
            verify.differences(outputs, reference),
            verify.agreement(found, expected),
            limits(artefact, folder.seeded),
        )
        _check(one, subject)
        checked.append(one)
        if not artefact.inside:
            for panels, detections in zip(seen, found):
                panels[artefact.label] = detections
    if draw:
        for number, (photo, panels) in enumerate(zip(photos, seen), start=1):
            path = folder.path / f"seen-{number}.png"
            pictures.side_by_side(photo.pixels, panels, path, dict(folder.categories))
    return checked


def open_artefact(artefact: Artefact, folder: ModelFolder, threads: int) -> Callable[[Photo], Outputs]:
    """The artefact, loaded: a photograph -> its raw outputs, preprocessed inside the artefact or before it."""
    if artefact.inside:
        run_inside = open_embedded(folder.path / artefact.file, threads)
        return lambda photo: run_inside(photo.pixels)
    backend = open_backend(artefact.backend, folder, threads)
    return lambda photo: backend.run(preprocess(photo.pixels, folder.image_size))


def _check(one: Checked, subject: Subject) -> None:
    artefact, path = one.artefact, subject.folder.path / one.artefact.file
    what = f"{subject.folder.name}: {artefact.stem}"
    if artefact != ONNX:
        verify.check_arithmetic(what, one.executed, artefact.arithmetic)
    if artefact.inside:
        check_embedded(path, subject.model.config)
    verify.check(what, one.differences, one.agreement, one.limits)
