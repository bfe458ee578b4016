"""What a model folder holds, what each file is made from, and how far it may be from the PyTorch network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WEIGHTS = "weights.pth"
PRIORS = ("priors.npy", "priors.onnx")


@dataclass(frozen=True)
class Artefact:
    """A model in the folder.

    stem: its name without suffix; storage: of its weights, "FP32", "FP16" or "INT8"; arithmetic: of its convolutions,
    "f32" or "int8"; inside: whether preprocessing is part of it; source: the file it is made from; label: for people.
    """

    stem: str
    file: str
    storage: str
    arithmetic: str
    inside: bool
    source: str
    label: str

    @property
    def backend(self) -> str:
        """The kind that `open_backend` knows it by; there is none for preprocessing inside."""
        return "onnx" if self.file.endswith(".onnx") else f"openvino-{self.stem}"


@dataclass(frozen=True)
class Limits:
    """How far an artefact may be from PyTorch on the same images.

    absolute: largest difference, by output; rms: root mean square of the difference over that of PyTorch's output,
    the same for every output; matched: least share of detections that have a partner.
    """

    absolute: Mapping[str, float]
    rms: float
    matched: float


def _ir(stem: str, storage: str, source: str) -> Artefact:
    arithmetic = "int8" if storage == "INT8" else "f32"
    inside = stem.endswith("-u8")
    return Artefact(stem, f"{stem}.xml", storage, arithmetic, inside, source, f"OpenVINO {storage}")


ONNX = Artefact("model", "model.onnx", "FP32", "f32", False, WEIGHTS, "ONNX Runtime")
FP32 = _ir("fp32", "FP32", "model.onnx")
FP16 = _ir("fp16", "FP16", "model.onnx")
INT8 = _ir("int8", "INT8", "fp32.xml")
INSIDE = tuple(_ir(f"{plain.stem}-u8", plain.storage, plain.file) for plain in (FP32, FP16, INT8))

PLAIN = (ONNX, FP32, FP16)
FULL = (*PLAIN, INT8, *INSIDE)

_EXACT = Limits({"loc": 1e-3, "conf": 1e-3, "mask": 1e-3, "proto": 1e-3}, rms=1e-4, matched=0.99)
# OpenVINO's resize rounds its coordinates otherwise than OpenCV: 1e-4 of a standard deviation in the input.
_EXACT_INSIDE = Limits({"loc": 1e-2, "conf": 1e-2, "mask": 1e-2, "proto": 1e-2}, rms=1e-3, matched=0.98)
# FP16 rounds every weight, and the error passes through all layers; loc and proto have the larger values.
_HALF = Limits({"loc": 0.25, "conf": 0.05, "mask": 0.1, "proto": 0.25}, rms=0.01, matched=0.95)
# Quantised trained weights still find the same objects. Seeded ones, whose scores follow signs of features, need not:
# a fifth of their detections match. Quantisation that failed has a root mean square near 1, or finds nothing.
_INT8 = Limits({"loc": 10.0, "conf": 1.0, "mask": 2.0, "proto": 10.0}, rms=0.3, matched=0.8)
_INT8_SEEDED = Limits({"loc": 20.0, "conf": 1.0, "mask": 2.0, "proto": 20.0}, rms=0.5, matched=0.05)


def limits(artefact: Artefact, seeded: bool) -> Limits:
    """What is allowed; seeded: whether the weights were drawn from a seed instead of trained."""
    if artefact.storage == "INT8":
        return _INT8_SEEDED if seeded else _INT8
    if artefact.storage == "FP16":
        return _HALF
    return _EXACT_INSIDE if artefact.inside else _EXACT
