"""One node alone: the fused engine's work in one process, without Spark.

    python3 -m cluster_app.yardsticks.solo JOB.json --images 20

Reads the input's files again and again until that many images are done; the first image, with which the process
compiles the model, is not counted.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from typing import Any, Dict, Optional, Sequence

from cluster_app.pipeline.paths import local_path
from cluster_app.yardsticks.report import guarded
from cluster_app.yardsticks.work import files_of, read_work, to_read


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="cluster_app.yardsticks.solo", description=__doc__)
    parser.add_argument("job")
    parser.add_argument("--images", type=int, required=True)
    options = parser.parse_args(arguments)
    return guarded(lambda: _measure(options.job, options.images))


def _measure(path: str, images: int) -> Dict[str, Any]:
    work = read_work(path)
    uris = to_read(work.job, files_of(work.job))
    begin = time.time()
    stamps = []
    for number in range(images + 1):
        uri = uris[number % len(uris)]
        with open(local_path(uri), "rb") as file:
            stamps += [row["at"] for row in work.segment([uri], [file.read()])]
    return {
        "host": socket.gethostname(),
        "images": images,
        "seconds": stamps[-1] - stamps[0],
        "start_seconds": stamps[0] - begin,
    }


if __name__ == "__main__":
    sys.exit(main())
