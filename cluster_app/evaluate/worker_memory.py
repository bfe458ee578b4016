"""What one worker of the fused engine takes at most: `python -m cluster_app.evaluate.worker_memory --model X.xml ...`.

A photograph is scaled to each size and written in each format. Each of these files goes through a process of its own,
as the job would run it, twice; so does no file at all (the model alone), and at last all of them together, smallest
first: what a large image leaves behind is still there when the next one comes. One JSON line a process goes to stdout,
sizes in MB (10^6 bytes).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from cluster_app.pipeline import fused_worker
from cluster_app.tasks import PostprocessOptions
from cluster_app.tasks.yolact.adapter import YolactTask

FORMATS = ("jpg", "png")


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """0 done, 2 bad input."""
    options = _parse(arguments)
    for path in (options.model, options.priors, options.photo):
        if not path.is_file():
            print(f"error: {path}: there is no such file", file=sys.stderr)
            return 2
    # A new interpreter for each: a copy of this process would begin with this one's memory.
    with (
        tempfile.TemporaryDirectory() as folder,
        multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool,
    ):
        wanted = [(size, kind) for size in sorted(options.megapixels) for kind in options.format]
        files = [pool.apply(_write, (options.photo, Path(folder), size, kind)) for size, kind in wanted]
        for case in ([], *([file] for file in files), files):
            measured = pool.apply(_measure, (options.model, options.priors, options.threads, case))
            about = {"model": options.model.stem, "threads": options.threads, "files": [file.name for file in case]}
            print(json.dumps({**about, **measured}), flush=True)
    return 0


def _parse(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster_app.evaluate.worker_memory", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="an IR's .xml")
    parser.add_argument("--priors", type=Path, required=True)
    parser.add_argument("--photo", type=Path, required=True, help="the photograph that is scaled")
    parser.add_argument("--megapixels", type=float, action="append", required=True, help="repeatable")
    parser.add_argument("--format", choices=FORMATS, action="append", required=True, help="repeatable")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


def _write(photo: Path, folder: Path, megapixels: float, kind: str) -> Path:
    """The photograph with so many megapixels."""
    import cv2

    pixels: Any = cv2.imread(str(photo), cv2.IMREAD_COLOR)
    scale = (megapixels * 1e6 / (pixels.shape[0] * pixels.shape[1])) ** 0.5
    file = folder / f"{megapixels:g}.{kind}"
    cv2.imwrite(str(file), cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC))
    return file


def _measure(model: Path, priors: Path, threads: int, files: List[Path]) -> Dict[str, Any]:
    import numpy
    import pandas

    settings = fused_worker.ModelSettings(f"file:{model}", "f32", threads)
    task, said = YolactTask(), list[Any]()
    batches = (
        pandas.DataFrame({"path": [f"file:{file}"], "content": [file.read_bytes()]}) for file in files for _ in range(2)
    )
    root = f"file:{files[0].parent}" if files else "file:/"
    inputs = (batches, root, settings, task, numpy.load(priors), PostprocessOptions())
    rows = len(list(fused_worker.segment(*inputs, said.append)))
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    sizes = {name: round(int(status[key].split()[0]) * 1024 / 1e6, 1) for name, key in _SIZES.items()}
    return {"rows": rows, "file_mb": [round(file.stat().st_size / 1e6, 2) for file in files], **sizes}


_SIZES = {"peak_mb": "VmHWM", "left_mb": "VmRSS"}

if __name__ == "__main__":
    sys.exit(main())
