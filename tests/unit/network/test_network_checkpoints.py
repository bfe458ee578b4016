"""Weight files: what the published loader takes is taken, all else is refused by name, and nothing in it runs."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cluster_app.network.configurations import configuration
from cluster_app.network.model import Yolact
from cluster_app.network.weights import load_weights, read_state

SMALL = configuration("small", 64)
State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    torch.manual_seed(1)
    return dict(Yolact(SMALL).state_dict())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.pth"


class RunsCode:
    """A pickle of it calls os.mkdir when it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("archive", [True, False])
def test_both_formats_of_torch_are_read(state: State, path: Path, archive: bool) -> None:
    torch.save(state, path, _use_new_zipfile_serialization=archive)
    model = Yolact(SMALL)
    load_weights(model, path)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_weights_of_half_precision_become_float32(state: State, path: Path) -> None:
    torch.save({name: value.half() if value.is_floating_point() else value for name, value in state.items()}, path)
    model = Yolact(SMALL)
    load_weights(model, path)
    weight = model.backbone.conv1.weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, state["backbone.conv1.weight"].half().float())


@pytest.mark.parametrize("archive", [True, False])
def test_code_in_a_checkpoint_is_named_and_not_run(state: State, path: Path, tmp_path: Path, archive: bool) -> None:
    trap = tmp_path / "trap"
    torch.save({**state, "fpn": RunsCode(trap)}, path, _use_new_zipfile_serialization=archive)
    with pytest.raises(ValueError, match=r"weights\.pth: holds posix\.mkdir, which is no tensor, and would run code"):
        read_state(path)
    assert not trap.exists()


def test_code_in_a_plain_pickle_is_not_run(path: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    path.write_bytes(pickle.dumps({"a": RunsCode(trap)}))
    with pytest.raises(ValueError, match=r"weights\.pth: is not a PyTorch checkpoint of tensors only"):
        read_state(path)
    assert not trap.exists()


def test_torchscript_is_refused_before_it_is_loaded(path: Path) -> None:
    torch.jit.script(torch.nn.ReLU()).save(str(path))
    with pytest.raises(ValueError, match=r"weights\.pth: is a TorchScript archive, which holds code"):
        read_state(path)


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_files_that_end_early_are_refused(state: State, path: Path, archive: bool, share: float) -> None:
    torch.save(state, path, _use_new_zipfile_serialization=archive)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=r"weights\.pth: .*(cut off|damaged)") as caught:
        read_state(path)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)


def test_a_changed_byte_is_found(state: State, path: Path) -> None:
    torch.save(state, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.pth: is damaged: .* has a wrong checksum"):
        read_state(path)


def test_a_zip_of_something_else_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "no weights")
    with pytest.raises(ValueError, match=r"weights\.pth: is not a PyTorch checkpoint"):
        read_state(path)


@pytest.mark.parametrize("name", ["nowhere.pth", "."])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is not a file"):
        read_state(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(1)], "holds no state_dict but an object of type list"),
        ({"epoch": 3, "model": {}}, "holds no state_dict: 'epoch' is int"),
        ({}, "holds no state_dict: it is empty"),
        ({3: torch.zeros(1)}, "holds no state_dict: 3 is Tensor"),
    ],
)
def test_what_is_no_state_dict_is_named(path: Path, content: object, message: str) -> None:
    torch.save(content, path)
    with pytest.raises(ValueError, match=message):
        read_state(path)


def test_values_that_are_not_finite_are_named(state: State, path: Path) -> None:
    broken = {name: value.clone() for name, value in state.items()}
    broken["fpn.lat_layers.0.bias"][3] = float("nan")
    torch.save(broken, path)
    with pytest.raises(ValueError, match=r"fpn\.lat_layers\.0\.bias holds values that are not finite"):
        load_weights(Yolact(SMALL), path)


def test_whole_numbers_are_no_weights(state: State, path: Path) -> None:
    torch.save({**state, "fpn.lat_layers.0.bias": torch.zeros(64, dtype=torch.int64)}, path)
    with pytest.raises(ValueError, match=r"fpn\.lat_layers\.0\.bias holds torch\.int64; allowed: floating-point"):
        load_weights(Yolact(SMALL), path)


def test_weights_of_another_configuration_say_which(state: State, path: Path) -> None:
    torch.save(state, path)
    with pytest.raises(ValueError, match="They fit the configuration small: ask for that one"):
        load_weights(Yolact(configuration("r50", 64)), path)


def test_layers_with_an_odd_number_are_unexpected_and_no_crash(state: State, path: Path) -> None:
    torch.save({**state, "fpn.downsample_layers.x.weight": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r"1 unexpected \(fpn\.downsample_layers\.x\.weight\)"):
        load_weights(Yolact(SMALL), path)
