"""Sizes as the project's files write them."""

from __future__ import annotations

import re

_MEMORY = re.compile(r"([1-9][0-9]{0,6})([mg])")
_FACTORS = {"m": 1, "g": 1024}


def memory_mb(text: str) -> int:
    """ "512m" or "3g" -> MB (2^20 bytes). Raises ValueError."""
    match = _MEMORY.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is no memory size; allowed: a whole number with m or g behind it")
    return int(match[1]) * _FACTORS[match[2]]


def memory_text(megabytes: int) -> str:
    """MB -> "512m" or "3g", the shortest that is exact."""
    return f"{megabytes // 1024}g" if megabytes % 1024 == 0 else f"{megabytes}m"
