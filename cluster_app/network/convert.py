"""From ONNX to OpenVINO's IR, with weights stored in FP32 and in FP16."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import openvino as ov

from cluster_app.tasks.yolact.categories import LABELS, to_labels
from cluster_app.tasks.yolact.config import INPUT_NAME, OUTPUT_NAMES, YolactConfig


def convert(
    onnx_path: Path, xml_path: Path, storage: str, config: YolactConfig, names: Sequence[str]
) -> dict[str, int]:
    """Write the .xml and .bin, weights stored in "FP32" or "FP16"; return the bytes of constants by element type.

    The IR has a static batch of 1, NCHW float32 input "input", and the raw outputs by name. Raises
    RuntimeError if a name or shape came out otherwise, or if the weights are not stored as asked. names: of the
    classes, in the order of the scores; the IR and what is made of it keep them.
    """
    model = ov.convert_model(onnx_path)
    model.set_rt_info(to_labels(names), list(LABELS))
    ov.save_model(model, str(xml_path), compress_to_fp16=storage == "FP16")
    check_interface(xml_path, config)
    stored = constants(xml_path)
    wanted, other = ("f16", "f32") if storage == "FP16" else ("f32", "f16")
    if stored.get(wanted, 0) <= stored.get(other, 0):
        raise RuntimeError(f"{xml_path.name} should store {wanted} weights; its constants are, in bytes: {stored}")
    return stored


def check_interface(xml_path: Path, config: YolactConfig) -> None:
    """Raises RuntimeError if inputs and outputs of the IR are not those that the cluster asks for."""
    model = ov.Core().read_model(str(xml_path))
    side = config.image_size
    expected = {INPUT_NAME: (1, 3, side, side), **config.output_shapes}
    ports = [*model.inputs, *model.outputs]
    found = {port.get_any_name(): tuple(port.get_shape()) for port in ports}
    if found != expected or [port.get_any_name() for port in model.outputs] != list(OUTPUT_NAMES):
        raise RuntimeError(f"{xml_path.name} has inputs and outputs {found}; expected {expected}")


def constants(xml_path: Path) -> dict[str, int]:
    """Bytes of stored constants by element type: which one prevails says how the weights are stored."""
    sizes: Counter[str] = Counter()
    for node in ov.Core().read_model(str(xml_path)).get_ops():
        if node.get_type_name() == "Constant":
            output = node.output(0)
            kind = output.get_element_type()
            count = 1
            for axis in output.get_shape():
                count *= axis
            sizes[kind.get_type_name()] += count * kind.size
    return dict(sorted(sizes.items()))
