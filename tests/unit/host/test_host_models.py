"""Which models are asked of the builder, in what words, and what is refused before it starts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from experiments.errors import UserError
from experiments.host import models
from experiments.host.evaluation import Program


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Program]:
    """No models are there; the builder's programs are noted instead of run."""
    programs: list[Program] = []
    monkeypatch.setattr(models, "MODELS", tmp_path / "models")
    monkeypatch.setattr(models, "ARTEFACTS", tmp_path)
    monkeypatch.setattr(models, "collect", lambda *_, **__: [])
    monkeypatch.setattr(models, "attend", lambda program, _: programs.append(program))
    return programs


def say(_: str) -> None:
    """Progress, not of interest here."""


def put(folder: Path, artefacts: Sequence[str]) -> None:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(
        json.dumps({"image_size": 192, "artefacts": {stem: {} for stem in artefacts}})
    )


def test_a_plain_build_asks_for_no_more_than_it_needs(asked: list[Program]) -> None:
    models.build(None, [550, 192], say)
    assert asked[0].module == "cluster_app.network.build"
    words = ["--configuration", "r50", "--size", "550", "--size", "192"]
    assert list(asked[0].arguments) == ["--photos", "/photographs", "--out", "/out", *words]


def test_weights_are_mounted_and_named_as_the_user_knows_them(asked: list[Program], tmp_path: Path) -> None:
    weights = tmp_path / "official.pth"
    weights.touch()
    models.build(weights, [550], say, configuration="r101", full=True)
    assert list(asked[0].arguments[-5:]) == ["--weights", "/weights.pth", "--full", "--size", "550"]
    assert "r101" in asked[0].arguments
    assert asked[0].told("/weights.pth: is damaged") == f"{weights}: is damaged"


def test_a_full_model_serves_plain_wishes_and_not_the_other_way_round(asked: list[Program]) -> None:
    folder = models.MODELS / models._fingerprint(None) / "yolact-r50-192"
    put(folder, ["fp32", "fp16"])
    models.build(None, [192], say)
    assert asked == []
    models.build(None, [192], say, full=True)
    assert len(asked) == 1
    (folder / "manifest.json").unlink()
    folder.rmdir()
    put(folder, ["fp32", "fp16", "int8"])
    models.build(None, [192], say)
    models.build(None, [192], say, full=True)
    assert len(asked) == 1


def test_the_trained_model_takes_the_weights_that_ship(
    asked: list[Program], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "small.pth"
    monkeypatch.setattr(models, "ROOT", tmp_path)
    monkeypatch.setattr(models, "SHIPPED", shipped)
    with pytest.raises(UserError, match=r"the trained model: small\.pth is not there; `make train` makes it"):
        models.trained(say)
    shipped.touch()
    assert models.trained(say).folder.name == "yolact-small-192"
    assert asked[0].mounts[shipped] == "/weights.pth:ro"


def test_an_interrupted_build_leaves_what_was_there_and_nothing_half_written(
    asked: list[Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = models.MODELS / models._fingerprint(None)

    def interrupted(_: Program, __: object) -> None:
        (target / ".yolact-r50-550-aside").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(models, "attend", interrupted)
    with pytest.raises(KeyboardInterrupt):
        models.build(None, [550], say)
    assert not target.exists()
    put(target / "yolact-r50-192", ["fp32"])
    with pytest.raises(KeyboardInterrupt):
        models.build(None, [550], say)
    assert [path.name for path in target.iterdir()] == ["yolact-r50-192"]
    assert asked == []


def test_bad_input_is_refused_before_the_builder_starts(asked: list[Program], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--configuration r18: allowed: r50, r101, small"):
        models.build(None, [550], say, configuration="r18")
    with pytest.raises(UserError, match=r"WEIGHTS=/nowhere\.pth: there is no such file"):
        models.build(Path("/nowhere.pth"), [550], say)
    with pytest.raises(UserError, match="there is no such file"):
        models.build(tmp_path, [550], say)
    assert asked == []
