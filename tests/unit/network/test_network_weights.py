"""Weights: from a file in the published format, and seeded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cluster_app.network.calibrate import FEWEST, MOST, calibrate_background
from cluster_app.network.configurations import configuration
from cluster_app.network.model import Yolact
from cluster_app.network.photos import read_photos
from cluster_app.network.seeded import CALIBRATION_SIZE, seeded_network
from cluster_app.network.verify import find, torch_backend
from cluster_app.network.weights import load_weights
from cluster_app.tasks.yolact import YolactConfig
from cluster_app.tasks.yolact.preprocess import preprocess
from cluster_app.tasks.yolact.priors import make_priors

CONFIG = YolactConfig(image_size=64)
State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    torch.manual_seed(1)
    return dict(Yolact(CONFIG).state_dict())


def same(first: State, second: State) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def leave_as_it_is(state: State) -> None:
    """The published format itself."""


def drop_counters(state: State) -> None:
    """As written before PyTorch counted batches."""
    for name in [name for name in state if name.endswith("num_batches_tracked")]:
        del state[name]


def add_leftovers(state: State) -> None:
    """What some published files hold besides, and the published loader passes over."""
    state["backbone.layer1.0.conv1.weight"] = torch.zeros(1)
    state["fpn.downsample_layers.2.weight"] = torch.zeros(1)


@pytest.mark.parametrize("change", [leave_as_it_is, drop_counters, add_leftovers])
def test_loads_published_files(state: State, tmp_path: Path, change: Callable[[State], None]) -> None:
    given = dict(state)
    change(given)
    torch.save(given, tmp_path / "weights.pth")
    model = Yolact(CONFIG)
    load_weights(model, tmp_path / "weights.pth")
    assert same(dict(model.state_dict()), state)


def forget(state: State) -> None:
    del state["fpn.lat_layers.0.bias"]


def add(state: State) -> None:
    state["maskiou_net.0.weight"] = torch.zeros(1)


def reshape(state: State) -> None:
    state["semantic_seg_conv.bias"] = torch.zeros(20)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (forget, r"1 missing \(fpn\.lat_layers\.0\.bias\)"),
        (add, r"1 unexpected \(maskiou_net\.0\.weight\)"),
        (reshape, r"1 of another shape \(semantic_seg_conv\.bias \(20,\) instead of \(80,\)\)"),
    ],
)
def test_names_what_does_not_fit(state: State, tmp_path: Path, change: Callable[[State], None], message: str) -> None:
    given = dict(state)
    change(given)
    torch.save(given, tmp_path / "weights.pth")
    model = Yolact(CONFIG)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load_weights(model, tmp_path / "weights.pth")
    assert same(dict(model.state_dict()), before)


def test_refuses_another_backbones_weights(state: State, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"missing \(backbone\.layers\.2\.6\.conv1\.weight.* and \d+ more\)"):
        load_weights(Yolact(configuration("r101", 64)), tmp_path / "weights.pth")


def test_refuses_files_that_hold_no_weights(tmp_path: Path) -> None:
    text, nested = tmp_path / "text.pth", tmp_path / "nested.pth"
    text.write_text("not weights")
    torch.save({"model": {"a": 1}}, nested)
    with pytest.raises(ValueError, match="is not a PyTorch checkpoint"):
        load_weights(Yolact(CONFIG), text)
    with pytest.raises(ValueError, match="holds no state_dict"):
        load_weights(Yolact(CONFIG), nested)


def images(folder: Path, size: int) -> list[torch.Tensor]:
    return [torch.from_numpy(preprocess(photo.pixels, size)) for photo in read_photos(folder)]


@pytest.fixture(scope="module")
def seeded(photos: Path) -> Yolact:
    with torch.no_grad():
        return seeded_network("r50", images(photos, CALIBRATION_SIZE), seed=0)


def test_seeded_weights_depend_on_the_seed_alone(seeded: Yolact, photos: Path) -> None:
    inputs = images(photos, CALIBRATION_SIZE)
    assert same(dict(seeded.state_dict()), dict(seeded_network("r50", inputs, seed=0).state_dict()))
    assert not same(dict(seeded.state_dict()), dict(seeded_network("r50", inputs, seed=1).state_dict()))


def test_seeded_activations_neither_vanish_nor_explode(seeded: Yolact, photos: Path) -> None:
    batch = torch.cat(images(photos, CALIBRATION_SIZE))
    for feature in seeded.backbone(batch):
        assert 0.1 < float(feature.std()) < 10
    loc, _, coefficients, proto = seeded.logits(batch)
    assert 1 < float(loc.std()) < 3
    assert 0.5 < float(coefficients.std()) < 2
    assert 0.2 < float(proto.std()) < 2


@pytest.mark.parametrize("size", [96, 160])
def test_calibrated_network_finds_a_stated_number_of_objects(seeded: Yolact, photos: Path, size: int) -> None:
    model = Yolact(YolactConfig(image_size=size)).eval()
    model.load_state_dict(seeded.state_dict())
    bias = calibrate_background(model, images(photos, size))
    assert bias > 0
    for found in find(torch_backend(model), make_priors(model.config), read_photos(photos), size):
        assert FEWEST <= found.over_threshold <= MOST, found
        assert found.classes >= 3, found
        assert found.empty_masks < found.over_threshold / 2, found
        assert 0.02 < found.mask_fill < 0.98, found
        smallest, _, largest = found.box_side
        assert largest > 2 * smallest, found


def test_photographs_are_spread_over_the_folder_and_unreadable_ones_skipped(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = (photos / "0.png").read_bytes()
    (tmp_path / "deep").mkdir()
    for index in range(24):
        (tmp_path / "deep" / f"{index:02}.png").write_bytes(content)
    (tmp_path / "broken.jpg").write_text("not an image")
    (tmp_path / "notes.txt").write_text("not an image either")
    assert [photo.name for photo in read_photos(tmp_path)] == [f"deep/{index:02}.png" for index in range(0, 24, 2)]
    assert "broken.jpg: not an image" in capsys.readouterr().err


def test_too_few_photographs_are_refused(tmp_path: Path, photos: Path) -> None:
    for index in range(4):
        (tmp_path / f"{index}.png").write_bytes((photos / "0.png").read_bytes())
    with pytest.raises(ValueError, match=r"has 4 readable photographs .* at least 5 are needed"):
        read_photos(tmp_path)
