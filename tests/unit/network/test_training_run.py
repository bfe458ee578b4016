"""A training: it learns, it goes on where it was interrupted, and what it ships is what it learned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from cluster_app.network import configurations
from cluster_app.network.model import Yolact
from cluster_app.network.training import data, log, scenes, ship, state, train
from cluster_app.network.training.normalised import folded, normalise
from cluster_app.network.training.recipe import UNNORMALISED_RATE, Settings, initialise, learning_rate, parameter_groups
from cluster_app.network.weights import load_weights

TINY = replace(
    configurations.CONFIGURATIONS["small"],
    image_size=64, base_size=64, base_scales=(6, 12, 24, 40, 56),
    planes=4, channels=16, mask_dim=8, blocks=(1, 1, 1, 1),
)  # fmt: skip
SETTINGS = Settings(configuration="tiny", epochs=2, batch=2, seed=3, threads=1, warm_up=2)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A configuration that a test can afford, and gradients, which the network's other tests go without."""
    monkeypatch.setitem(configurations.CONFIGURATIONS, "tiny", TINY)
    threads = torch.get_num_threads()
    with torch.enable_grad():
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight scenes."""
    photos = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(1)
    for name in ("a", "b", "c"):
        cv2.imwrite(str(photos / f"{name}.png"), rng.integers(0, 256, (90, 120, 3), dtype=np.uint8))
    out = tmp_path_factory.mktemp("data") / "train"
    scenes.write(out, photos, "train", 8, 0)
    return out


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def weights(out: Path) -> dict[str, torch.Tensor]:
    read: dict[str, torch.Tensor] = torch.load(out / train.WEIGHTS, weights_only=True)
    return read


def test_a_few_steps_lower_the_loss(folder: Path) -> None:
    torch.set_num_threads(1)
    images = data.read_folder(folder, 6)
    training = train.Training(replace(SETTINGS, epochs=40, batch=8, learning_rate=1e-2), images)
    (batch,) = data.batches(images, TINY, 8, seed=0, epoch=0)
    losses = [sum(training.learn(batch).values()) for _ in range(40)]
    assert np.mean(losses[-3:]) < 0.7 * np.mean(losses[:3])


@pytest.mark.parametrize("interrupted_after", [1, 4, 5])
def test_a_resumed_training_is_the_uninterrupted_one(folder: Path, tmp_path: Path, interrupted_after: int) -> None:
    assert train.finish(SETTINGS, folder, tmp_path / "whole")
    torch.set_num_threads(1)
    training = train.Training(SETTINGS, data.read_folder(folder, 6))
    stop: list[int] = []
    learn = training.learn

    def learn_and_stop(batch: data.Batch) -> dict[str, float]:
        parts = learn(batch)
        if training.step == interrupted_after:
            stop.append(15)
        return parts

    training.learn = learn_and_stop  # type: ignore[method-assign]
    assert not train.run(training, tmp_path / "parts", stop)
    assert not (tmp_path / "parts" / train.WEIGHTS).exists()
    assert train.finish(SETTINGS, folder, tmp_path / "parts")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_a_finished_training_is_not_done_again(folder: Path, tmp_path: Path) -> None:
    assert train.finish(SETTINGS, folder, tmp_path)
    before, said = weights(tmp_path), (tmp_path / train.LOG).read_text()
    assert train.finish(SETTINGS, folder, tmp_path)
    assert same(weights(tmp_path), before)
    assert (tmp_path / train.LOG).read_text() == said


def test_another_seed_is_another_training(folder: Path, tmp_path: Path) -> None:
    assert train.finish(SETTINGS, folder, tmp_path / "a")
    assert train.finish(replace(SETTINGS, seed=4), folder, tmp_path / "b")
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "b"))


def test_the_log_says_what_was_done(folder: Path, tmp_path: Path) -> None:
    assert train.finish(SETTINGS, folder, tmp_path)
    (entry,) = [json.loads(line) for line in (tmp_path / train.LOG).read_text().splitlines()]
    assert (entry["step"], entry["images"], entry["epoch"]) == (8, 16, 2.0)
    assert entry["loss"].keys() == {"box", "class", "mask", "semantic"}
    assert entry["cpu_seconds"] > 0
    assert entry["active_seconds"] > 0


def test_log_lines_after_the_checkpoint_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 50}\n{"step": 100}\n{"step": 150}\n{"st')
    log.cut(path, 100)
    assert path.read_text() == '{"step": 50}\n{"step": 100}\n'
    assert [one.name for one in tmp_path.iterdir()] == ["log.jsonl"]


def test_checkpoints_of_other_settings_and_broken_ones_are_refused(folder: Path, tmp_path: Path) -> None:
    assert train.finish(SETTINGS, folder, tmp_path)
    with pytest.raises(ValueError, match=r"other settings \(batch was 2, is 4\); give another folder"):
        train.finish(replace(SETTINGS, batch=4), folder, tmp_path)
    whole = (tmp_path / train.CHECKPOINT).read_bytes()
    (tmp_path / train.CHECKPOINT).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"checkpoint\.pth is not a checkpoint of this training"):
        train.finish(SETTINGS, folder, tmp_path)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.pth"
    state.save(path, {"step": 1}, {})

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="no space"):
        state.save(path, {"step": 2}, {})
    assert json.loads(torch.load(path, weights_only=True)["about"]) == {"step": 1}


def test_the_stopwatch_leaves_out_pauses() -> None:
    times = iter([0.0, *range(1, 11), 500.0, 501.0])
    watch = state.Stopwatch(lambda: next(times), lambda: 0.0)
    watch.start()
    for _ in range(12):
        watch.lap()
    assert watch.active == 12.0
    assert watch.step == 1.0


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [learning_rate(Settings(warm_up=10, learning_rate=1.0, lowest=0.01), step, 110) for step in range(1, 111)]
    assert rates[4] == pytest.approx(0.5)
    assert rates[9] == max(rates) == 1.0
    assert rates[59] == pytest.approx(0.505)
    assert rates[-1] == pytest.approx(0.01)


def test_a_training_begins_with_likely_outputs_and_live_prototypes(folder: Path) -> None:
    """Prototypes that are 0 everywhere have no gradient, and never come back."""
    model = train.Training(SETTINGS, data.read_folder(folder, 6)).model
    images = torch.stack([torch.from_numpy(data.load(one, TINY, None)[0]) for one in data.read_folder(folder, 6)])
    with torch.no_grad():
        levels = model.fpn(model.backbone(images))
        _, logits, coefficients, proto = model.predict(levels)
        semantic = torch.sigmoid(model.semantic_seg_conv(levels[0]))
    assert float(torch.softmax(logits, dim=2)[:, :, 0].mean()) == pytest.approx(0.75, abs=0.05)
    assert float(semantic.mean()) == pytest.approx(0.02, abs=0.01)
    assert float(torch.tanh(coefficients).abs().max()) < 0.9
    assert float((proto > 0).float().mean()) > 0.5


def test_every_parameter_is_learned_once() -> None:
    model = Yolact(TINY)
    groups = parameter_groups(model, 0.1)
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    assert {(group["weight_decay"], group["scale"]) for group in groups} == {
        (decay, scale) for decay in (0.0, 0.1) for scale in (1.0, UNNORMALISED_RATE)
    }


def test_folded_weights_give_what_the_normalised_network_gives() -> None:
    torch.manual_seed(0)
    model = Yolact(TINY)
    published = {name: value.shape for name, value in model.state_dict().items()}
    initialise(model)
    normalise(model)
    with torch.no_grad():
        for _ in range(3):  # statistics that are not the ones a batch norm begins with
            model(torch.randn(4, 3, TINY.image_size, TINY.image_size))
    model.eval()
    plain = Yolact(TINY).eval()
    state = folded(Yolact(TINY), model.state_dict())
    assert {name: value.shape for name, value in state.items()} == published
    plain.load_state_dict(state)
    images = torch.randn(2, 3, TINY.image_size, TINY.image_size)
    for one, other in zip(plain(images), model(images), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_the_average_follows_the_weights() -> None:
    model = torch.nn.Linear(1, 1)
    average = state.Average(model, decay=0.9)
    start = average.state["weight"].clone()
    model.weight.data += 1.0
    for step in range(1, 200):
        average.update(model, step)
    torch.testing.assert_close(average.state["weight"], start + 1.0)


def test_augmentation_depends_on_seed_epoch_and_image_alone(folder: Path) -> None:
    images = data.read_folder(folder, 6)
    first = list(data.batches(images, TINY, 4, seed=0, epoch=0))
    assert len(first) == 2
    (second,) = data.batches(images, TINY, 4, seed=0, epoch=0, first=1)
    np.testing.assert_array_equal(first[1].images, second.images)
    (other, _) = data.batches(images, TINY, 4, seed=0, epoch=1)
    assert not np.array_equal(first[0].images, other.images)


def test_targets_are_boxes_and_coverage_of_the_masks(folder: Path) -> None:
    for annotated in data.read_folder(folder, 6):
        image, target = data.load(annotated, TINY, None)
        assert image.shape == (3, 64, 64)
        assert target.masks.shape == (len(annotated.objects), 32, 32)
        assert target.classes.tolist() == [category for category, _ in annotated.objects]
        for (_, segmentation), mask in zip(annotated.objects, target.masks, strict=True):
            whole = data.rle.decode(segmentation)
            assert mask.sum() / mask.size == pytest.approx(whole.sum() / whole.size, rel=0.02)
        assert (target.boxes[:, :2] < target.boxes[:, 2:]).all()
        assert target.boxes.min(initial=0) >= 0
        assert target.boxes.max(initial=0) <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["annotations"][0].update(category_id=7), "annotation 1: category_id is 7; allowed: 1 to 6"),
        (lambda c: c["annotations"][0].update(image_id=99), "annotation 1: image_id is 99; no image has that id"),
        (lambda c: c.pop("images"), "not COCO annotations: KeyError 'images'"),
        (lambda c: c.update(images=[], annotations=[]), "images is empty"),
    ],
)
def test_bad_annotations_are_named(folder: Path, tmp_path: Path, change: object, message: str) -> None:
    content = json.loads((folder / "annotations.json").read_text())
    change(content)  # type: ignore[operator]
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as caught:
        data.read_folder(tmp_path, 6)
    assert str(tmp_path / "annotations.json") in str(caught.value)


def test_a_missing_image_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "annotations.json").write_text((folder / "annotations.json").read_text())
    with pytest.raises(ValueError, match=r"images/\d+\.jpg is missing, or not an image"):
        data.load(data.read_folder(tmp_path, 6)[0], TINY, None)


def test_bad_input_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 2
    assert "annotations.json is missing" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_shipped_weights_are_fp16_and_measured(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert train.finish(SETTINGS, folder, tmp_path / "run")
    out, folders = tmp_path / "out", {"val": folder, "train": folder}
    with pytest.raises(RuntimeError, match=r"mask AP is 0\.\d+ on the held-out scenes; at least 0\.55"):
        ship.ship("tiny", SETTINGS, tmp_path / "run", folders, out)
    assert not (out / "tiny.pth").exists()
    monkeypatch.setattr(ship, "LEAST_AP", 0.0)
    summary = ship.ship("tiny", SETTINGS, tmp_path / "run", folders, out)
    assert sorted(path.name for path in out.iterdir()) == ["tiny-log.jsonl", "tiny.json", "tiny.pth"]
    assert json.loads((out / "tiny.json").read_text()) == json.loads(json.dumps(summary))
    assert summary["weights"]["bytes"] == (out / "tiny.pth").stat().st_size
    assert summary["training"]["images_seen"] == 16
    shipped = torch.load(out / "tiny.pth", weights_only=True)
    assert {value.dtype for value in shipped.values()} == {torch.float16}
    model = Yolact(TINY)
    load_weights(model, out / "tiny.pth")
    for name, value in weights(tmp_path / "run").items():
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(model.state_dict()[name], value, atol=1e-4, rtol=1e-3)


def test_weights_that_fp16_does_not_hold_are_refused() -> None:
    with pytest.raises(RuntimeError, match="FP16 does not hold the values of a"):
        ship.halved({"a": torch.tensor([1e6])})
