"""A fingerprint of each input that travels through the network, so that no row can carry another image's result unseen.

The network gets one more output, the means of its own input over a grid of squares. It comes back beside the outputs
of the same inference, and is compared with that of the file which the row names, read and prepared anew.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

from cluster_app.pipeline.decoding import decode_for_network
from cluster_app.pipeline.images import Inspection
from cluster_app.tasks import Floats, Task

OUTPUT = "fingerprint"
# Squares along a side of the input; a few more where the side is no multiple of it.
_GRID = 16
# In standard deviations of a channel, some two grey levels: over what engines, decoders and bf16 differ by in a mean.
TOLERANCE = 0.03
# Names of images that a message holds.
_NAMED = 5


class WrongRows(Exception):
    """Rows carry the results of other inputs than the images that they name."""


def of_tensor(tensor: Any) -> Floats:
    """(1, 3, S, S) float32, the network's input -> its fingerprint (3 * n * n,), n squares along a side.

    What is left over right of and below the last full square is left out, as by the model's own output.
    """
    import numpy

    size = int(tensor.shape[-1])
    square = _square(size)
    count = size // square
    cut = numpy.asarray(tensor, numpy.float32)[0, :, : count * square, : count * square]
    means: Floats = cut.reshape(3, count, square, count, square).mean(axis=(2, 4), dtype=numpy.float32)
    return means.reshape(-1)


def of_file(content: bytes, seen: Inspection, task: Task, image_size: int) -> bytes:
    """The fingerprint of a file's image as it ought to enter the network, as bytes; none if it cannot be decoded."""
    pixels = decode_for_network(content, seen)
    return b"" if pixels is None else of_tensor(task.preprocess(pixels, image_size)).tobytes()


def added_to(model: Any) -> Any:
    """An openvino Model with the fingerprint of what enters its first convolution as one more output, in place.

    Quantisation of the input comes behind it. Raises ValueError for a model without a convolution.
    """
    from openvino.runtime import opset8

    source = _network_input(model)
    square = _square(list(source.get_shape())[-1])
    means = opset8.avg_pool(source, [square, square], [0, 0], [0, 0], [square, square], True, "floor")
    means.set_friendly_name(OUTPUT)
    means.output(0).get_tensor().set_names({OUTPUT})
    model.add_outputs([means.output(0)])
    return model


def _network_input(model: Any) -> Any:
    """The port that feeds the first convolution, in front of the input's quantisation."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Convolution":
            port = node.input_value(0)
            while port.get_node().get_type_name() == "FakeQuantize":
                port = port.get_node().input_value(0)
            return port
    raise ValueError("the model has no convolution, so its input cannot be told from its preprocessing")


def _square(size: int) -> int:
    return max(1, size // _GRID)


def differs(found: bytes, expected: bytes) -> bool:
    """Whether two fingerprints are of different inputs: in some square by more than the tolerance."""
    import numpy

    if len(found) != len(expected) or not found:
        return True
    apart = numpy.abs(numpy.frombuffer(found, numpy.float32) - numpy.frombuffer(expected, numpy.float32))
    # Written so that a value which is not a number differs.
    return not bool((apart <= TOLERANCE).all())


def check(found: Iterable[Tuple[str, bytes]], expected: Mapping[str, bytes]) -> int:
    """Compares the fingerprint that came back for each image with the file's; returns how many were compared.

    Raises WrongRows, which names the images.
    """
    compared = list(found)
    refuse(
        [image for image, fingerprint in compared if differs(fingerprint, expected.get(image, b""))],
        {image: _looks_like(fingerprint, expected) for image, fingerprint in compared},
    )
    return len(compared)


def refuse(images: Sequence[str], sources: Mapping[str, str]) -> None:
    """Raises WrongRows if there is any such image. sources: by image, whose result its row carries, where known."""
    if not images:
        return
    named: List[str] = []
    for image in images[:_NAMED]:
        source = sources.get(image, "")
        named.append(f"{image} (it carries that of {source})" if source and source != image else image)
    more = f", and {len(images) - _NAMED} more" if len(images) > _NAMED else ""
    raise WrongRows(
        f"verify: {len(images)} row{'s carry results' if len(images) > 1 else ' carries the result'} of another input "
        f"than the image named: {', '.join(named)}{more}; none of this output is to be trusted"
    )


def _looks_like(found: bytes, expected: Mapping[str, bytes]) -> str:
    """The first image with that fingerprint; none if there is none."""
    return next((image for image, one in expected.items() if not differs(found, one)), "")


def expected_of(frames: Any, known: Mapping[str, Inspection], task: Task, image_size: int) -> Dict[str, bytes]:
    """By image: the fingerprint that its row owes. frames: an RDD of (image, content)."""
    pairs = frames.map(lambda one: (one[0], of_file(one[1], known[one[0]], task, image_size))).collect()
    return dict(pairs)
