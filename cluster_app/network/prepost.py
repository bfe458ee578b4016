"""The variants with preprocessing inside: a photograph as it was decoded goes in, of any size.

OpenVINO's PrePostProcessor puts conversion to float, bilinear resize, normalisation and exchange of the channels in
front of the network. Only these see a changing size; the network behind them keeps its static shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openvino as ov
from openvino.preprocess import PrePostProcessor, ResizeAlgorithm

from cluster_app.backends.openvino_backend import settings
from cluster_app.tasks import Bytes, Floats
from cluster_app.tasks.yolact.config import INPUT_NAME, MEAN_BGR, OUTPUT_NAMES, STD_BGR, YolactConfig


def embed_preprocessing(source: Path, target: Path) -> None:
    """The IR `source` -> `target` with input (1, H, W, 3) uint8 BGR, H and W free, and the same outputs.

    The steps are those of `preprocess`: float32 first, then the resize with half-pixel centres as OpenCV has it.
    Weights stay stored as they are; mean and deviation are float32, since FP16 would move the input by 1e-3.
    """
    steps = PrePostProcessor(ov.Core().read_model(str(source)))
    image = steps.input(INPUT_NAME)
    image.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_spatial_dynamic_shape()
    image.model().set_layout(ov.Layout("NCHW"))
    (
        image.preprocess()
        .convert_element_type(ov.Type.f32)
        .convert_layout(ov.Layout("NCHW"))
        .resize(ResizeAlgorithm.RESIZE_LINEAR)
        .mean(list(MEAN_BGR))
        .scale(list(STD_BGR))
        .reverse_channels()
    )
    ov.save_model(steps.build(), str(target), compress_to_fp16=False)


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
