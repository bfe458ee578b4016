"""What an image or a model is made from, as a fingerprint: it changes with its sources and with nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments.errors import HostError, UserError
from experiments.host import images, models, settings

CHILDREN = {
    "base": {"base", "python", "spark", "yarn-slave", "yarn-master"},
    "python": {"python", "spark", "yarn-master"},
    "spark": {"spark", "yarn-master"},
    "yarn-slave": {"yarn-slave", "yarn-master"},
    "yarn-master": {"yarn-master"},
    "builder": {"builder"},
}


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for each image with a file in it, in place of docker/."""
    for image in images.IMAGES:
        (tmp_path / image.name / "files").mkdir(parents=True)
        (tmp_path / image.name / "files" / "run").write_text("one\n")
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "base-image.sh").write_text("debootstrap\n")
    monkeypatch.setattr(images, "FOLDERS", tmp_path)
    monkeypatch.setattr(settings, "_CERTIFICATES", tmp_path / "no-certificates")
    return tmp_path


def changed(before: dict[str, str]) -> set[str]:
    after = images.fingerprints()
    assert after.keys() == before.keys()
    return {name for name, one in after.items() if one != before[name]}


def test_the_table_covers_the_images() -> None:
    assert set(CHILDREN) == {image.name for image in images.IMAGES}


def test_fingerprints_stay_while_nothing_changes(folders: Path) -> None:
    before = images.fingerprints()
    (folders / "host" / "engine.sh").write_text("no image's\n")
    assert changed(before) == set()


@pytest.mark.parametrize("name", CHILDREN)
def test_a_changed_file_changes_its_image_and_the_images_on_it(folders: Path, name: str) -> None:
    before = images.fingerprints()
    (folders / name / "files" / "run").write_text("two\n")
    assert changed(before) == CHILDREN[name]


def test_how_base_images_are_made_is_part_of_every_image(folders: Path) -> None:
    before = images.fingerprints()
    (folders / "host" / "base-image.sh").write_text("another way\n")
    assert changed(before) == set(CHILDREN)


def test_a_new_name_or_a_new_file_or_a_mode_is_a_change(folders: Path) -> None:
    file = folders / "spark" / "files" / "run"
    before = images.fingerprints()
    file.chmod(0o755)
    assert changed(before) == CHILDREN["spark"]
    before = images.fingerprints()
    file.chmod(0o700)
    assert changed(before) == set(), "what a umask takes from others"
    before = images.fingerprints()
    file = file.rename(file.with_name("walk"))
    assert changed(before) == CHILDREN["spark"]
    before = images.fingerprints()
    file.with_name("empty").touch()
    assert changed(before) == CHILDREN["spark"]


def test_an_image_is_built_anew_where_the_hosts_certificates_differ_and_its_fingerprint_stays(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []
    labels: dict[str, dict[str, str]] = {}

    def build(image: images.Image, fingerprint: str, _: list[str]) -> None:
        built.append(image.name)
        labels[image.name] = {"org.clusterbed.fingerprint": fingerprint}

    monkeypatch.setattr(images, "_build", build)
    monkeypatch.setattr(images, "run", lambda *_, **__: None)
    monkeypatch.setattr(images, "Engine", lambda: Labels(**labels))
    monkeypatch.setattr(settings, "build_options", list)
    before = images.fingerprints()
    images.build_all(lambda _: None)
    images.build_all(lambda _: None)
    assert built == list(CHILDREN)
    (folders / "no-certificates").mkdir()
    (folders / "no-certificates" / "a.crt").write_text("A")
    images.build_all(lambda _: None)
    assert built == [*CHILDREN, *CHILDREN]
    assert changed(before) == set()


class Labels:
    """An engine that knows the labels of some images."""

    def __init__(self, **known: dict[str, str]) -> None:
        self.known = known

    def image_labels(self, tag: str) -> dict[str, str] | None:
        return self.known.get(tag.split("/")[1].split(":")[0])

    def image_mb(self, _: str) -> float:
        return 1.0


def test_an_image_is_current_when_it_carries_the_fingerprint() -> None:
    engine = Labels(base={"org.clusterbed.fingerprint": "f"}, spark={})
    assert images._current(engine, "base", "f")  # type: ignore[arg-type]
    assert not images._current(engine, "base", "g")  # type: ignore[arg-type]
    assert not images._current(engine, "spark", "f")  # type: ignore[arg-type]
    assert not images._current(engine, "python", "f")  # type: ignore[arg-type]


def test_images_of_another_checkout_are_all_named(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prints = images.fingerprints(images.IMAGES, settings.certificates_fingerprint())
    labels = {name: {"org.clusterbed.fingerprint": prints[name]} for name in ("base", "spark")}
    monkeypatch.setattr(images, "ENVIRONMENT", tmp_path / "environment.tar.gz")
    monkeypatch.setattr(images, "_STAMP", tmp_path / "stamp")
    monkeypatch.setattr(images, "OPTIONAL", ())
    engine: Any = Labels(**labels)
    images.require_current(engine, {"base", "spark"}, packed=False)
    with pytest.raises(HostError, match="not of this checkout: the packed environment; `make images` makes it"):
        images.require_current(engine, {"base", "spark"}, packed=True)
    images.ENVIRONMENT.touch()
    images._STAMP.write_text(images.fingerprints()["python"])
    images.require_current(engine, {"base", "spark"}, packed=True)
    (folders / "spark" / "files" / "run").write_text("two")
    with pytest.raises(HostError, match="clusterbed/python:paper, clusterbed/spark:paper; `make images` makes them"):
        images.require_current(engine, {"base", "spark", "python"}, packed=False)


def test_what_packing_took_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "ENVIRONMENT", tmp_path / "environment.tar.gz")
    monkeypatch.setattr(images, "_PACKING", tmp_path / "environment.seconds")
    assert images.packed() is None
    images.ENVIRONMENT.write_bytes(bytes(1_500_000))
    assert images.packed() == {"mb": 1.5, "seconds": None}
    images._PACKING.write_text("61.5\n")
    assert images.packed() == {"mb": 1.5, "seconds": 61.5}


def test_missing_images_are_all_named() -> None:
    engine = Labels(base={})
    images.require(engine, {images.tag("base")})  # type: ignore[arg-type]
    with pytest.raises(
        HostError, match=r"missing images: clusterbed/python:paper, clusterbed/spark:paper; `make images`"
    ):
        images.require(engine, {images.tag(name) for name in ("spark", "base", "python")})  # type: ignore[arg-type]


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with the code that makes models, and a builder of fingerprint "b"."""
    for folder in ("network", "tasks/yolact", "pipeline"):
        (tmp_path / "cluster_app" / folder).mkdir(parents=True)
        (tmp_path / "cluster_app" / folder / "code.py").write_text("1\n")
    monkeypatch.setattr(models, "ROOT", tmp_path)
    monkeypatch.setattr(models.images, "fingerprints", lambda: {"builder": "b"})
    return tmp_path


@pytest.mark.parametrize("folder", ["network", "tasks/yolact"])
def test_code_that_makes_a_model_changes_its_fingerprint(sources: Path, folder: str) -> None:
    before = models._fingerprint(None)
    (sources / "cluster_app" / "pipeline" / "code.py").write_text("2\n")
    assert models._fingerprint(None) == before
    (sources / "cluster_app" / folder / "code.py").write_text("2\n")
    assert models._fingerprint(None) != before


def test_the_builder_and_the_weights_change_it_too(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = sources / "official.pth"
    weights.write_bytes(b"1")
    prints = [models._fingerprint(None), models._fingerprint(weights)]
    weights.write_bytes(b"2")
    prints.append(models._fingerprint(weights))
    monkeypatch.setattr(models.images, "fingerprints", lambda: {"builder": "c"})
    prints.append(models._fingerprint(weights))
    assert len(set(prints)) == 4


def test_models_that_are_there_are_not_built(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MODELS", sources / "models")
    monkeypatch.setattr(models, "_run_builder", lambda *_: pytest.fail("built"))
    folder = sources / "models" / models._fingerprint(None) / "yolact-r50-192"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"image_size": 192}')
    said: list[str] = []
    built = models.build(None, [192], said.append)
    assert (built[192].folder, built[192].size) == (folder, 192)
    assert said == ["models yolact-r50-192: up to date"]


def test_only_the_sizes_that_are_lacking_are_built(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []
    monkeypatch.setattr(models, "MODELS", sources / "models")
    monkeypatch.setattr(models, "ARTEFACTS", sources)
    monkeypatch.setattr(models, "collect", lambda *_, **__: [])
    monkeypatch.setattr(models.os, "chown", lambda *_: None)
    monkeypatch.setattr(models, "_run_builder", lambda *arguments: asked.append(arguments[-1]))
    folder = sources / "models" / models._fingerprint(None) / "yolact-r50-192"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    assert set(models.build(None, [550, 192], lambda _: None)) == {550, 192}
    assert asked == [[550]]


def test_weights_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"WEIGHTS=.*none\.pth: there is no such file"):
        models.build(tmp_path / "none.pth", [192], lambda _: None)
