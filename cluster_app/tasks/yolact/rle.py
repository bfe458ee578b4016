"""COCO's compressed run-length encoding of masks.

Runs are counted column by column, beginning with a run of zeros (which may be empty). From the
fourth on, a run is stored as the difference to the one two before it. Each number is written in
groups of five bits, lowest first, in two's complement; bit 5 says that another group follows, and
48 is added to make a printable character.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cluster_app.tasks import Bytes

Counts = npt.NDArray[np.int64]

_OFFSET = 48
_MORE = 32
_SIGN = 16
_GROUP_BITS = 5
_MAX_GROUPS = 8  # 40 bits: more pixels than any image has


def encode(mask: Bytes) -> dict[str, Any]:
    """0/1 mask (h, w) -> {"size": [h, w], "counts": str}. Without a copy if it is column-major."""
    height, width = mask.shape
    return {"size": [height, width], "counts": compress(run_lengths(mask))}


def decode(segmentation: Mapping[str, Any]) -> Bytes:
    """The reverse of `encode`: 0/1 mask (h, w) uint8, column-major.

    Raises ValueError if the counts are no COCO RLE, or do not add up to h * w.
    """
    height, width = segmentation["size"]
    counts = decompress(segmentation["counts"])
    if counts.sum() != height * width or (counts < 0).any():
        raise ValueError(f"counts cover {counts.sum()} pixels; size is {height} x {width} = {height * width}")
    values = np.arange(len(counts)) % 2
    return np.repeat(values.astype(np.uint8), counts).reshape((height, width), order="F")


def area(segmentation: Mapping[str, Any]) -> int:
    """Pixels in the mask, without decoding it."""
    return int(decompress(segmentation["counts"])[1::2].sum())


def run_lengths(mask: Bytes) -> Counts:
    """Lengths of the runs of 0, 1, 0, 1, ... of a 0/1 mask (h, w) in column-major order."""
    return run_lengths_around(mask, mask.shape, (0, 0))


def run_lengths_around(part: Bytes, whole: tuple[int, ...], corner: tuple[int, int]) -> Counts:
    """The same of a mask of shape `whole` of which only a part holds any 1.

    part: 0/1 (h, w); corner: the row and column of its upper left pixel. Where it does not reach the mask's upper or
    lower edge, its outermost row on that side is 0.
    """
    (height, width), (top, left) = whole, corner
    # One pixel of 0 around all: then each run of 1 begins and ends with a change.
    pixels = np.zeros(part.size + 2, np.uint8)
    pixels[1:-1] = part.ravel(order="F")
    changes = np.flatnonzero(pixels[1:] != pixels[:-1])
    # A run of 1 ends one pixel before its change.
    changes[1::2] -= 1
    columns, rows = np.divmod(changes, max(1, len(part)))
    edges = np.zeros(len(changes) + 2, np.int64)
    edges[1:-1] = (left + columns) * height + top + rows
    edges[2:-1:2] += 1
    edges[-1] = height * width
    runs: Counts = edges[1:] - edges[:-1]
    # A mask that ends with a 1 has no last run of zeros, and one without pixels none at all.
    return runs if runs[-1] else runs[:-1]


def compress(counts: Counts) -> str:
    """Run lengths (n,) -> COCO's string."""
    return compress_all([counts])[0]


def compress_all(masks: Sequence[Counts]) -> list[str]:
    """Run lengths (n,) of several masks -> COCO's string of each."""
    if not masks:
        return []
    numbers = np.concatenate([_differences(counts) for counts in masks])
    # A number ends with the group whose sign bit already says what all higher bits are.
    without_sign = numbers ^ (numbers >> 63)
    lengths = np.ones(len(numbers), np.int64)
    for group in range(1, int(without_sign.max(initial=0)).bit_length() // _GROUP_BITS + 1):
        lengths += without_sign >= 1 << (_GROUP_BITS * group - 1)
    starts = np.concatenate([[0], lengths.cumsum()])
    characters = np.empty(starts[-1], np.uint8)
    at, group = np.arange(len(numbers)), 0
    while len(at):
        more = lengths[at] > group + 1
        characters[starts[at] + group] = ((numbers[at] >> (_GROUP_BITS * group)) & (_MORE - 1)) + _MORE * more + _OFFSET
        at, group = at[more], group + 1
    text = characters.tobytes().decode("ascii")
    ends = starts[np.cumsum([len(counts) for counts in masks])].tolist()
    return [text[begin:end] for begin, end in zip([0, *ends], ends)]


def _differences(counts: Counts) -> Counts:
    """Runs as they are stored: from the fourth on, less the one two before."""
    numbers: Counts = counts.astype(np.int64)
    numbers[3:] -= counts[1:-2]
    return numbers


def decompress(text: str) -> Counts:
    """COCO's string -> run lengths (n,). Raises ValueError for a character or an end that cannot be."""
    codes = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - _OFFSET
    wrong = np.flatnonzero((codes < 0) | (codes >= 2 * _MORE))
    if len(wrong):
        raise ValueError(f"counts has a character at {wrong[0]} that COCO's RLE does not use")
    if not len(codes):
        return np.zeros(0, np.int64)
    last = (codes & _MORE) == 0
    if not last[-1]:
        raise ValueError("counts ends within a number: it is cut off")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _MAX_GROUPS:
        raise ValueError(f"counts has a number of {lengths.max()} characters; allowed: {_MAX_GROUPS} at most")
    position = np.arange(len(codes)) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((codes & (_MORE - 1)) << (_GROUP_BITS * position), starts)
    negative = (codes[ends] & _SIGN) > 0
    numbers = np.where(negative, numbers - (np.int64(1) << (_GROUP_BITS * lengths)), numbers)
    numbers[1::2] = numbers[1::2].cumsum()
    numbers[2::2] = numbers[2::2].cumsum()
    return numbers
