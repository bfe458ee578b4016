"""Preprocessing inside the model: a photograph as it was decoded goes in, of any size.

OpenVINO's PrePostProcessor puts conversion to float, bilinear resize, normalisation and exchange of the channels in
front of the network. Only these see a changing size; the network behind them keeps its static shapes.
"""

from __future__ import annotations

from typing import Any

from cluster_app.tasks import Task


def embedded(model: Any, task: Task) -> Any:
    """An openvino Model with input (1, 3, S, S) float32 RGB -> one with input (1, H, W, 3) uint8 BGR, H and W free.

    The steps are those of `Task.preprocess`: float32 first, then the resize with half-pixel centres as OpenCV has it.
    """
    import openvino as ov
    from openvino.preprocess import PrePostProcessor, ResizeAlgorithm

    steps = PrePostProcessor(model)
    image = steps.input(task.input_name)
    image.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_spatial_dynamic_shape()
    image.model().set_layout(ov.Layout("NCHW"))
    (
        image.preprocess()
        .convert_element_type(ov.Type.f32)
        .convert_layout(ov.Layout("NCHW"))
        .resize(ResizeAlgorithm.RESIZE_LINEAR)
        .mean(list(task.mean))
        .scale(list(task.std))
        .reverse_channels()
    )
    return steps.build()


def takes_bytes(model: Any) -> bool:
    """Whether preprocessing is inside already, as in the variants that a model's manifest names."""
    return bool(model.inputs[0].get_element_type().get_type_name() == "u8")
