"""Torch, ONNX Runtime and OpenVINO behind one call, so that what is compared differs in nothing else.

    backend = open_backend("openvino-fp16", ModelFolder.read(Path("yolact-r50-550")), threads=1)
    outputs = backend.run(image)      # (1, 3, S, S) float32 -> {"loc": ..., "conf": ..., "mask": ..., "proto": ...}

A kind's library is imported when the kind is opened: Torch is in the builder's image only, OpenVINO 2021.4 only in the
image that Table 1 is made in.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Dict, Mapping, Protocol, Tuple, cast

from cluster_app.backends.folder import ModelFolder
from cluster_app.tasks import Floats


class Unavailable(RuntimeError):
    """The kind exists, and this processor or this environment cannot run it."""


class Backend(Protocol):
    """A model that is loaded and ready.

    name: its kind. library: name and version. arithmetic: what its layers compute in, as read back from what was
    loaded (`f32`, `bf16`, `int8`), sorted. threads: how many it computes with.
    """

    @property
    def name(self) -> str: ...

    @property
    def library(self) -> str: ...

    @property
    def arithmetic(self) -> Tuple[str, ...]: ...

    @property
    def threads(self) -> int: ...

    def run(self, image: Floats) -> Dict[str, Floats]:
        """(1, 3, S, S) float32 as the task's preprocessing gives it -> the raw outputs by name, float32 copies."""


# The module of each kind; each has `open_backend(kind, model, threads)`.
_MODULES: Mapping[str, str] = {
    "torch": "torch_backend",
    "onnx": "onnx_backend",
    "openvino-fp32": "openvino_backend",
    "openvino-fp16": "openvino_backend",
    "openvino-bf16": "openvino_backend",
    "openvino-int8": "openvino_backend",
    "openvino-2021": "openvino_2021_backend",
}
KINDS = tuple(_MODULES)
# Without the one that needs an image of its own.
USUAL_KINDS = KINDS[:-1]


def open_backend(kind: str, model: ModelFolder, threads: int = 1) -> Backend:
    """Loads a model folder's artefact for that kind, with that many threads and the arithmetic that the name states.

    openvino-bf16 takes the FP32 artefact. Raises ValueError for an unknown kind, a number of threads under 1, or an
    artefact that is missing or is not what it should be; Unavailable where the processor or the environment lacks
    what the kind needs.
    """
    if threads < 1:
        raise ValueError(f"threads is {threads}; allowed: 1 or more")
    return cast(Backend, load_library(kind).open_backend(kind, model, threads))


def load_library(kind: str) -> ModuleType:
    """The module of a kind; its library is imported with it. For those who time loading a model without that.

    Raises ValueError for an unknown kind, Unavailable where the library is not installed.
    """
    if kind not in _MODULES:
        raise ValueError(f"backend {kind!r}: unknown; allowed: {', '.join(KINDS)}")
    try:
        return import_module(f"cluster_app.backends.{_MODULES[kind]}")
    except ImportError as error:
        raise Unavailable(f"{kind}: {error}; this environment does not have it") from None
