"""The model as BigDL's predict is given it: for so many images at once, and with a fingerprint where rows are verified.

predict sets the batch of the IR that it reads. In an IR whose resizes and reshapes state the size of a batch of one, as
those of YOLACT's fixed pyramid do, that fails; so they are rewritten here.
"""

from __future__ import annotations

import os
from typing import Any

from cluster_app.contract.job import Job
from cluster_app.pipeline import fingerprint
from cluster_app.pipeline.embedding import takes_bytes

_FROM_INPUT = 0  # a Reshape's word for the length that its input has there


def prepared(path: str, job: Job) -> str:
    """The path of an IR for this job, beside the plain IR at `path`: that one itself where it will do.

    Raises ValueError for a model that cannot take several images at once.
    """
    import openvino as ov

    plain = ov.Core().read_model(path)
    if takes_bytes(plain):
        raise ValueError("has preprocessing inside; the engine bigdl takes the plain IR")
    if job.batch_size == 1 and not job.verify:
        return path
    model = rebatched(plain, job.batch_size)
    if job.verify:
        model = fingerprint.added_to(model)
    target = f"{os.path.splitext(path)[0]}-prepared.xml"
    ov.serialize(model, target, f"{os.path.splitext(target)[0]}.bin")
    return target


def rebatched(model: Any, batch: int) -> Any:
    """An openvino Model for one image, its weights untouched -> for `batch` of them, in place.

    Raises ValueError if its outputs then are not one for each image.
    """
    import openvino as ov
    from openvino.runtime import opset8

    if batch == 1:
        return model
    for node in model.get_ordered_ops():
        leading = {"Interpolate": batch, "Reshape": _FROM_INPUT}.get(node.get_type_name())
        if leading is not None and _of_one_image(node):
            size = node.input_value(1).get_node().get_data().copy()
            size[0] = leading
            node.input(1).replace_source_output(opset8.constant(size).output(0))
    (source,) = model.get_parameters()
    source.set_partial_shape(ov.PartialShape([batch, *list(source.output(0).get_shape())[1:]]))
    try:
        model.validate_nodes_and_infer_types()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ValueError(f"batch_size = {batch}: the model cannot take several images at once: {reason}") from None
    wrong = ", ".join(output.get_any_name() for output in model.outputs if _leading(output) != batch)
    if wrong:
        raise ValueError(f"batch_size = {batch}: output {wrong} of the model is not one for each image; give 1")
    return model


def _of_one_image(node: Any) -> bool:
    """Whether a layer keeps a leading axis of length 1 and says so in a constant."""
    stated = node.input_value(1).get_node()
    weights = node.input_value(0).get_node().get_type_name() in ("Constant", "Convert")
    if weights or stated.get_type_name() != "Constant":
        return False
    sizes = stated.get_data()
    says_so = sizes.size > 1 and sizes[0] == 1 and sizes.dtype.kind == "i"
    return bool(says_so and _leading(node.input_value(0)) == _leading(node.output(0)) == 1)


def _leading(port: Any) -> int:
    return int(next(iter(port.get_shape())))
