"""COCO's compressed run-length encoding of masks.

Runs are counted column by column, beginning with a run of zeros (which may be empty). From the
fourth on, a run is stored as the difference to the one two before it. Each number is written in
groups of five bits, lowest first, in two's complement; bit 5 says that another group follows, and
48 is added to make a printable character.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    pixels = mask.ravel(order="F")
    if not len(pixels):
        return np.zeros(0, np.int64)
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    edges = np.concatenate([[0], changes, [len(pixels)]])
    runs = np.diff(edges)
    return np.concatenate([[0], runs]) if pixels[0] else runs


def padded(runs: Counts, before: int, after: int) -> Counts:
    """Run lengths with `before` zeros set in front of the mask and `after` behind it."""
    whole = runs if len(runs) else np.zeros(1, np.int64)
    if after and len(whole) % 2 == 0:
        whole = np.append(whole, 0)
    whole = whole.copy()
    whole[0] += before
    whole[-1] += after
    return whole


def compress(counts: Counts) -> str:
    """Run lengths (n,) -> COCO's string."""
    numbers = counts.astype(np.int64)
    numbers[3:] -= counts[1:-2]
    # A number ends with the group whose sign bit already says what all higher bits are.
    without_sign = numbers ^ (numbers >> 63)
    groups = int(without_sign.max(initial=0)).bit_length() // _GROUP_BITS + 1
    shifts = _GROUP_BITS * np.arange(groups)
    more = (without_sign[:, None] >> (shifts + _GROUP_BITS - 1)) > 0
    characters = ((numbers[:, None] >> shifts) & (_MORE - 1)).astype(np.uint8) + _MORE * more.view(np.uint8) + _OFFSET
    kept = np.ones_like(more)
    kept[:, 1:] = more[:, :-1]
    return characters[kept].tobytes().decode("ascii")


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
