"""From ONNX to OpenVINO's IR, with weights stored in FP32 and in FP16."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import openvino as ov

from cluster_app.tasks.yolact.config import INPUT_NAME, OUTPUT_NAMES, YolactConfig


def convert(onnx_path: Path, xml_path: Path, *, fp16: bool, config: YolactConfig) -> dict[str, int]:
    """Write the .xml and .bin; return the bytes of stored constants by element type ("f32", "f16", "i64").

    The IR has a static batch of 1, NCHW float32 input "input", and the raw outputs by name. Raises
    RuntimeError if a name or shape came out otherwise, or if the weights are not stored as asked.
    """
    model = ov.convert_model(onnx_path)
    ov.save_model(model, str(xml_path), compress_to_fp16=fp16)
    written = ov.Core().read_model(str(xml_path))
    _check_interface(written, xml_path, config)
    stored = _constants(written)
    wanted, other = ("f16", "f32") if fp16 else ("f32", "f16")
    if stored.get(wanted, 0) <= stored.get(other, 0):
        raise RuntimeError(f"{xml_path.name} should store {wanted} weights; its constants are, in bytes: {stored}")
    return stored


def _check_interface(model: ov.Model, xml_path: Path, config: YolactConfig) -> None:
    side = config.image_size
    expected = {INPUT_NAME: (1, 3, side, side), **config.output_shapes}
    ports = [*model.inputs, *model.outputs]
    found = {port.get_any_name(): tuple(port.get_shape()) for port in ports}
    if found != expected or [port.get_any_name() for port in model.outputs] != list(OUTPUT_NAMES):
        raise RuntimeError(f"{xml_path.name} has inputs and outputs {found}; expected {expected}")


def _constants(model: ov.Model) -> dict[str, int]:
    sizes: Counter[str] = Counter()
    for node in model.get_ops():
        if node.get_type_name() == "Constant":
            output = node.output(0)
            kind = output.get_element_type()
            count = 1
            for axis in output.get_shape():
                count *= axis
            sizes[kind.get_type_name()] += count * kind.size
    return dict(sorted(sizes.items()))
