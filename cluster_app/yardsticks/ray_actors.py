"""The same work by Ray Data: read_binary_files, then map_batches over a pool of actors that keep their model.

    python3 -m cluster_app.yardsticks.ray_actors JOB.json --actors 2 --batch 1 --blocks 20 ...

How it is tuned: experiments/peers/settings.toml, which these arguments come from.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from typing import Any, Dict, Optional, Sequence

from cluster_app.yardsticks.report import finishes, guarded
from cluster_app.yardsticks.work import Work, files_of, read_work, to_read, write


class Segmenter:
    """An actor: a process that compiles the model with its first batch, and keeps it."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def __call__(self, batch: Dict[str, Any]) -> Dict[str, Any]:
        """A batch of paths and bytes -> columns of images, packed rows, processes and times."""
        paths = [f"file:{path}" for path in batch["path"]]
        done = self._work.segment(paths, list(batch["bytes"]))
        return {name: [row[name] for row in done] for name in ("image", "packed", "process", "at")}


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="cluster_app.yardsticks.ray_actors", description=__doc__)
    parser.add_argument("job")
    parser.add_argument("--actors", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True, help="images an actor takes at once")
    parser.add_argument("--blocks", type=int, required=True, help="into how many the files are divided")
    parser.add_argument("--reader-cpus", type=float, required=True, help="what a task that reads holds of a core")
    parser.add_argument("--store-mb", type=int, required=True, help="memory of the object store")
    parser.add_argument("--temp", required=True, help="a folder for Ray's sockets and logs")
    return guarded(lambda: _measure(parser.parse_args(arguments)))


def _measure(options: argparse.Namespace) -> Dict[str, Any]:
    begin = time.time()
    # Not in every environment that holds this file.
    ray: Any = importlib.import_module("ray")
    importlib.import_module("ray.data")
    work = read_work(options.job)
    ray.init(
        num_cpus=options.actors + 1,
        object_store_memory=options.store_mb * 1_000_000,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="WARNING",
        _temp_dir=options.temp,
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    ready = time.time()

    files = files_of(work.job)
    paths = [uri[len("file:") :] for uri in to_read(work.job, files)]
    source = ray.data.read_binary_files(
        paths,
        include_paths=True,
        override_num_blocks=min(options.blocks, len(paths)),
        ray_remote_args={"num_cpus": options.reader_cpus},
    )
    segmented = source.map_batches(
        Segmenter,
        fn_constructor_args=(work,),
        batch_size=options.batch,
        compute=ray.data.ActorPoolStrategy(size=options.actors),
        num_cpus=1,
        zero_copy_batch=True,
    )
    done = segmented.take_all()
    rows = write(work.job, files, done)
    end = time.time()
    ray.shutdown()
    stamps = [(row["process"], float(row["at"])) for row in done]
    return {"images": rows, "begin": begin, "ready": ready, "end": end, "finishes": finishes(stamps)}


if __name__ == "__main__":
    sys.exit(main())
