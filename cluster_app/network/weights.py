"""Weights from a file, in the published format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from cluster_app.network.model import Yolact

_COUNTER = "num_batches_tracked"  # how often a batch norm was trained: older checkpoints lack it
_SHOWN = 6


def load_weights(model: Yolact, path: Path) -> None:
    """Fill the model from a published YOLACT checkpoint.

    Raises ValueError that names what is missing, unexpected, or of another shape; nothing is guessed.
    As the published loader does, it passes over an older name of the backbone's stages
    (`backbone.layer1` beside `backbone.layers`) and downsampling layers beyond P7.
    """
    given = {key: value for key, value in _read(path).items() if not _is_leftover(key)}
    expected = model.state_dict()
    problems = [
        *_naming("missing", (key for key in expected if key not in given and not key.endswith(_COUNTER))),
        *_naming("unexpected", (key for key in given if key not in expected)),
        *_naming(
            "of another shape",
            (
                f"{key} {tuple(given[key].shape)} instead of {tuple(value.shape)}"
                for key, value in expected.items()
                if key in given and given[key].shape != value.shape
            ),
        ),
    ]
    if problems:
        raise ValueError(
            f"{path} does not fit YOLACT with this backbone and {model.config.num_classes} classes: "
            + "; ".join(problems)
            + ". Give a checkpoint of the published YOLACT (not YOLACT++), and --backbone as it was trained."
        )
    model.load_state_dict({**expected, **given})


def _read(path: Path) -> Mapping[str, torch.Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is no checkpoint
        raise ValueError(f"{path} is not a PyTorch checkpoint that holds tensors only: {error}") from error
    if not isinstance(content, Mapping) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise ValueError(f"{path} holds no state_dict: expected names with a tensor each")
    return content


def _is_leftover(key: str) -> bool:
    if key.startswith("fpn.downsample_layers."):
        return int(key.split(".")[2]) >= 2
    return key.startswith("backbone.layer") and not key.startswith("backbone.layers")


def _naming(what: str, keys: Iterable[str]) -> list[str]:
    found = list(keys)
    shown = ", ".join(found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return [f"{len(found)} {what} ({shown}{more})"] if found else []
