"""The variants with preprocessing inside: a photograph as it was decoded goes in, of any size.

The steps are added by `cluster_app.pipeline.embedding`, as the fused engine adds them to a plain model.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openvino as ov

from cluster_app.backends.openvino_backend import settings
from cluster_app.pipeline.embedding import embedded
from cluster_app.tasks import Bytes, Floats
from cluster_app.tasks.yolact.adapter import YolactTask
from cluster_app.tasks.yolact.config import INPUT_NAME, OUTPUT_NAMES, YolactConfig


def embed_preprocessing(source: Path, target: Path) -> None:
    """The IR `source` -> `target` with input (1, H, W, 3) uint8 BGR, H and W free, and the same outputs.

    Weights stay stored as they are; mean and deviation are float32, since FP16 would move the input by 1e-3.
    """
    inside = embedded(ov.Core().read_model(str(source)), YolactTask())
    ov.save_model(inside, str(target), compress_to_fp16=False)


def check_embedded(xml_path: Path, config: YolactConfig) -> None:
    """Raises RuntimeError if the variant's input or outputs are not as `embed_preprocessing` says."""
    model = ov.Core().read_model(str(xml_path))
    (port,) = model.inputs
    found = (port.get_any_name(), port.get_element_type().get_type_name(), str(port.get_partial_shape()))
    shapes = {output.get_any_name(): str(output.get_partial_shape()) for output in model.outputs}
    expected = {name: str(ov.PartialShape(list(shape))) for name, shape in config.output_shapes.items()}
    if found != (INPUT_NAME, "u8", "[1,?,?,3]") or shapes != expected:
        raise RuntimeError(f"{xml_path.name} has input {found} and outputs {shapes}; expected {expected}")


def open_embedded(xml_path: Path, threads: int) -> Callable[[Bytes], dict[str, Floats]]:
    """Compile the variant, in float32 where it is not quantised; the call takes (H, W, 3) uint8 BGR."""
    compiled = ov.Core().compile_model(str(xml_path), "CPU", settings("f32", threads))
    request = compiled.create_infer_request()

    def run(image: Bytes) -> dict[str, Floats]:
        results = request.infer([image[None]])
        return {name: results[name] for name in OUTPUT_NAMES}

    return run
