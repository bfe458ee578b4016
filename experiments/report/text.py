"""Numbers and words as the reports write them."""

from __future__ import annotations

from collections.abc import Sequence


def seconds_text(seconds: float) -> str:
    """Three significant digits up to 1,000 s, whole seconds above: "0.312 s", "12.4 s", "1,500 s"."""
    return f"{number_text(seconds)} s"


def number_text(value: float) -> str:
    """Three significant digits, no digits behind the point from 100 on, thousands with a comma."""
    if value == 0 or abs(value) >= 99.95:
        return f"{value:,.0f}"
    if abs(value) >= 9.995:
        return f"{value:.1f}".removesuffix(".0")
    text = f"{value:.3f}" if abs(value) < 0.9995 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".")


def fixed_text(value: float) -> str:
    """For columns of numbers, which line up: three digits behind the point below 10, one below 1,000."""
    return f"{value:.3f}" if abs(value) < 9.9995 else f"{value:,.1f}"


def memory_text(megabytes: int) -> str:
    return f"{number_text(megabytes / 1024)} GB" if megabytes >= 1024 else f"{megabytes} MB"


def cores_text(cores: int) -> str:
    return f"{cores} core{'' if cores == 1 else 's'}"


def count_text(count: int, what: str, plural: str | None = None) -> str:
    """ "1 file", "27 files", "1,743 detections"."""
    return f"{count:,} {what if count == 1 else plural or what + 's'}"


def percent_text(share: float) -> str:
    return f"{100 * share:.0f} %"


def joined(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
