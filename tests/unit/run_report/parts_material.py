"""Made trials of a comparison's cells, five rounds of each."""

from __future__ import annotations

from typing import Any

from experiments.analysis.trials import Trial
from experiments.run_report import cells
from experiments.run_report.cells import Comparison

NOISE = (1.0, 1.01, 0.99, 1.005, 0.995)


def trials(cell: str, seconds: float, workers: int, images: int = 48, block: int = 1, **settings: Any) -> list[Trial]:
    """Five rounds of a cell."""
    return [
        Trial(
            name=f"{block}-{number}-{cell}",
            preset="made",
            comparison="made",
            cell=cell,
            block=block,
            round=number,
            core=0.5,
            settings={"workers": workers, "images": images, **settings},
            evidence={
                "executors": workers,
                "images": images,
                "per_image": {
                    "stage_3": seconds * noise,
                    "wall": seconds * noise + 1,
                    "worker_seconds": seconds * noise * workers,
                },
                "phases": {"submit": seconds * images * noise + 20},
                "result": {"partitions": {"predict": settings.get("repartition") or settings.get("read_partitions")}},
            },
        )
        for number, noise in enumerate(NOISE, start=1)
    ]


def compared(*groups: list[Trial]) -> Comparison:
    (found,) = cells.comparisons([one for group in groups for one in group])
    return found
