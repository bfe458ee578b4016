"""The shipped network, from nothing: `python -m cluster_app.network.training --photos DIR --work DIR --out DIR`.

Makes the scenes, trains, measures on scenes held out, and writes the files to ship. Each part goes on from what
WORK holds of an earlier, interrupted call. Everything that decides the result is stated here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster_app.network.training import scenes, ship, train
from cluster_app.network.training.recipe import Settings

NAME = "small"
SCENES = {"val": 500, "train": 10_000}
SCENE_SEED = 0
SETTINGS = Settings(configuration=NAME, epochs=3, batch=16, seed=0)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 a part failed or the mask AP is too low, 2 bad input, 130 interrupted."""
    options = _parse(arguments)
    folders = {split: options.work / split for split in SCENES}
    run = options.work / "run"
    try:
        for split, count in SCENES.items():
            scenes.write(folders[split], options.photos, split, count, SCENE_SEED)
        settings = train.with_data(SETTINGS, folders["train"])
        if not train.finish(settings, folders["train"], run):
            return train.INTERRUPTED
        print("measuring on the held-out scenes", file=sys.stderr, flush=True)
        summary = ship.ship(NAME, settings, run, folders, options.out)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return train.INTERRUPTED
    mask = summary["held_out"]["mask"]
    print("mask AP " + ", ".join(f"{name} {one['value']:.3f}" for name, one in mask.items()))
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster_app.network.training", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="photographs for backgrounds and fillings")
    parser.add_argument("--work", type=Path, required=True, help="scenes, checkpoint and log; kept between calls")
    parser.add_argument("--out", type=Path, required=True, help="where the files to ship go")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
