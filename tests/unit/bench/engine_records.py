"""Made records of trials, in the form in which GROUP=engines leaves them."""

from __future__ import annotations

from typing import Any

HEAD = {"model": "yolact-r50-550", "where": "one node of 2 cores"}
MEMORY = {"before_mb": 100.0, "peak_mb": 900.0, "samples": 50, "seconds": 10.0}


def fused(
    start: float = 10.0, image: float = 0.5, tasks: int = 12, commit: float = 0.0, memory: dict[str, float] = MEMORY
) -> dict[str, Any]:
    """Two slots; a task is an image, the first ones end `image` after `start`."""
    listed = [
        {
            "phase": "segment",
            "host": "driver",
            "executor": "driver",
            "launch": start + image * (number // 2),
            "finish": start + image * (number // 2 + 1),
            "images": 1,
        }
        for number in range(tasks)
    ]
    phases = {"start": 7.0, "inventory": 1.0, "segment": image * tasks / 2, "commit": commit, "total": 30.0}
    return {
        "setting": "fused",
        "images": tasks,
        "slots": 2,
        "executors": 1,
        "began": 99.0,
        "application_start": 100.0,
        "wall_seconds": 40.0,
        "tasks": listed,
        "memory": memory,
        "result": {
            "engine": "fused",
            "phases": [{"name": name, "seconds": seconds} for name, seconds in phases.items()],
            "workers": [{"host": "driver", "peak_memory_mb": 900.0}],
            "executors": [{"host": "driver", "images": tasks}],
        },
    }


def bigdl(
    stages: tuple[float, float, float, float] = (1.0, 2.0, 6.0, 3.0), commit: float = 0.0, images: int = 20
) -> dict[str, Any]:
    """Two slices of `images` each: the first takes twice as long, the second has these stages."""
    names = ("read", "preprocess", "predict", "postprocess")
    own = list(zip(names, stages, strict=True))
    said = [("start", 7.0), ("inventory", 3.0), ("predict", 0.1)]
    said += [(name, 2 * seconds) for name, seconds in own] + [("commit", 2.0)]
    said += [("inventory", 1.0), *own, ("commit", commit / 2), ("commit", commit / 2)]
    summed: dict[str, float] = {}
    for name, seconds in said:
        summed[name] = summed.get(name, 0.0) + seconds
    return {
        "setting": "bigdl-tuned",
        "images": 2 * images,
        "job": {"slice_images": images},
        "slots": 2,
        "executors": 1,
        "began": 99.0,
        "application_start": 100.0,
        "wall_seconds": 70.0,
        "tasks": [],
        "memory": MEMORY,
        "phases": [list(one) for one in said],
        "result": {
            "engine": "bigdl",
            "phases": [{"name": name, "seconds": seconds} for name, seconds in summed.items()],
            "slices": {"total": 2, "resumed": 0},
            "executors": [{"host": "driver", "images": images}],
        },
    }


def peer(
    name: str, first: float = 8.0, image: float = 0.5, images: int = 12, tail: float = 0.0, same: bool = True
) -> dict[str, Any]:
    """Two processes in step; the first images end `first` after the command."""
    begin = 1000.0
    stamps = [{"process": str(number % 2), "at": begin + first + image * (number // 2)} for number in range(images)]
    return {
        "setting": name,
        "images": images,
        "processes": 2,
        "began": begin,
        "ready": begin + first - image,
        "end": stamps[-1]["at"] + tail,
        "wall_seconds": 40.0,
        "finishes": stamps,
        "memory": MEMORY,
        "agreement": {"statuses": 0, "detections": 200, "pairs": 200 if same else 199},
    }


def bare(seconds: float, images: int = 30) -> dict[str, Any]:
    return {"images": images, "seconds": seconds}


def rounds(**sides: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A head, and each side's trials by round; an underscore in a name is written as a hyphen."""
    return [HEAD] + [
        {"round": number, "side": name.replace("__", " ").replace("_", "-"), **record}
        for name, records in sides.items()
        for number, record in enumerate(records)
    ]
