"""Numbers and words as the reports write them."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.bench.statistics import Estimate


def number_text(value: float) -> str:
    """A setting: up to three significant digits, no zeros at the end, thousands with a comma: "0.5", "2", "1,500"."""
    text = measured_text(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def measured_text(value: float) -> str:
    """A measured value: three significant digits, whole from 100 on: "0.312", "2.30", "33.0", "1,500"."""
    size = abs(value)
    digits = 3 if size < 0.9995 else 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{value:,.{digits}f}"


def ratio_text(value: float) -> str:
    """Three significant digits of its distance from 1, so that 1.002 is not 1: "0.804", "1.02", "1.002", "3.98"."""
    if 0.9 < value < 1.1:
        return f"{value:.3f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def figure_text(value: float) -> str:
    """Any figure: four significant digits, all of those before the point: "0.4161", "1.189e-05", "308,072"."""
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def range_text(one: Estimate) -> str:
    """A value with its interval: "27 (26.9 to 27.2)"."""
    return f"{number_text(one.value)} ({number_text(one.low)} to {number_text(one.high)})"


def seconds_text(seconds: float) -> str:
    return f"{measured_text(seconds)} s"


def fixed_text(value: float, digits: int) -> str:
    """For columns of numbers, which line up: always that many digits behind the point."""
    return f"{value:,.{digits}f}"


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
