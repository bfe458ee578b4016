"""Weights from a file, in the published format: a state_dict, that is names with a tensor each.

The file is data from somewhere else: tensors are read, code that it may hold is not run.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch

from cluster_app.network.configurations import CONFIGURATIONS
from cluster_app.network.model import Yolact
from cluster_app.tasks.yolact.config import YolactConfig

State = Mapping[str, torch.Tensor]

_COUNTER = "num_batches_tracked"  # how often a batch norm was trained: older checkpoints lack it
_SHOWN = 6
_SCRIPT = "constants.pkl"  # only TorchScript's archives hold it; torch.load would run torch.jit.load on them
# What the published loader drops: an older name of the backbone's stages, and layers beyond P7.
_OLDER = re.compile(r"backbone\.layer(?!s)|fpn\.downsample_layers\.([2-9]|\d\d+)\.")
_ADVICE = "give a state_dict that torch.save wrote, as the published YOLACT weights are"


def load_weights(model: Yolact, path: Path) -> None:
    """Fill the model from a published YOLACT checkpoint, in any floating-point type; the model keeps its own.

    Raises ValueError, which names the file and what is wrong in it, for a file that is none, is damaged, would run
    code, or holds names, shapes or values that do not fit; the model is then as it was. As the published loader
    does, it passes over an older name of the backbone's stages (`backbone.layer1` beside `backbone.layers`) and
    downsampling layers beyond P7.
    """
    given = {key: value for key, value in read_state(path).items() if not _OLDER.match(key)}
    expected = model.state_dict()
    problems = _misfits(given, expected)
    if problems:
        raise ValueError(
            f"{path} does not fit this configuration of YOLACT, with {model.config.num_classes} classes: "
            + "; ".join(problems)
            + _fitting(given, model.config)
        )
    _check_values(path, given, expected)
    model.load_state_dict({**expected, **given})


def read_state(path: Path) -> State:
    """The tensors of a checkpoint, by name. Raises ValueError that names the file and the fault."""
    if not path.is_file():
        raise ValueError(f"{path}: is not a file; give the path of a checkpoint (.pth)")
    _check_archive(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise ValueError(f"{path}: {_cause(str(error))}; {_ADVICE}") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception:  # torch raises many kinds, most without words, for a file that is no checkpoint or ends early
        raise ValueError(f"{path}: is not a PyTorch checkpoint, or is cut off; {_ADVICE}") from None
    if not isinstance(content, Mapping):
        raise ValueError(f"{path}: holds no state_dict but an object of type {type(content).__name__}; {_ADVICE}")
    others = [f"{key!r} is {type(value).__name__}" for key, value in content.items()
              if not isinstance(key, str) or not isinstance(value, torch.Tensor)]  # fmt: skip
    if others or not content:
        raise ValueError(f"{path}: holds no state_dict: {others[0] if others else 'it is empty'}; {_ADVICE}")
    return content


def _check_archive(path: Path) -> None:
    """What torch.load does not look at in the zip archive that a checkpoint of today is."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if any(name.rsplit("/", 1)[-1] == _SCRIPT for name in archive.namelist()):
            raise ValueError(f"{path}: is a TorchScript archive, which holds code; {_ADVICE}")
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"{path}: is damaged: {damaged} in it has a wrong checksum; download it again")


def _cause(message: str) -> str:
    """What is wrong with a pickle; torch's own text would advise to load it all the same."""
    found = re.search(r"Unsupported class (\S+)", message)
    if found:
        return f"holds {found[1]}, which is no tensor, and would run code when loaded"
    return "is not a PyTorch checkpoint of tensors only, or is damaged or cut off"


def _misfits(given: State, expected: State) -> list[str]:
    return [
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


def _check_values(path: Path, given: State, expected: State) -> None:
    for key, value in given.items():
        if expected[key].is_floating_point() and not value.is_floating_point():
            raise ValueError(f"{path}: {key} holds {value.dtype}; allowed: floating-point numbers")
        if not torch.isfinite(value).all():
            raise ValueError(f"{path}: {key} holds values that are not finite; the training that made it went wrong")


def _fitting(given: State, config: YolactConfig) -> str:
    """The configuration that the weights do fit, if there is one."""
    for name, other in CONFIGURATIONS.items():
        if other != config and not _misfits(given, Yolact(other).state_dict()):
            return f". They fit the configuration {name}: ask for that one."
    return ". Give a checkpoint of the published YOLACT (not YOLACT++), and the configuration it was trained with."


def _naming(what: str, keys: Iterable[str]) -> list[str]:
    found = list(keys)
    shown = ", ".join(found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return [f"{len(found)} {what} ({shown}{more})"] if found else []
