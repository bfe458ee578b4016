"""Profiles, quota factors, and what an instruction-set cap means for each library."""

from __future__ import annotations

import pytest

from experiments.isa import ISAS, NOT_CAPPED, environment
from experiments.profiles import load_profiles, load_source, quota_factor

NEW, OLD = load_profiles()["i7-11370H"], load_profiles()["i7-3630QM"]
PUBLISHED = 1691 / 3165


def test_the_papers_processors_with_their_source() -> None:
    assert (NEW.isa, NEW.single_thread) == ("AVX512_CORE_VNNI", 3165)
    assert (OLD.isa, OLD.single_thread) == ("AVX", 1691)
    assert load_source().url.startswith("https://")
    assert "single-thread" in load_source().metric


def test_the_quota_adds_what_the_instruction_set_leaves() -> None:
    found = quota_factor(OLD, NEW, measured_ratio=0.8)
    assert found.factor == pytest.approx(PUBLISHED / 0.8)
    assert "0.534" in found.note
    assert "0.800" in found.note


@pytest.mark.parametrize("measured", [0.3, PUBLISHED])
def test_no_quota_where_the_instruction_set_alone_does_more(measured: float) -> None:
    found = quota_factor(OLD, NEW, measured)
    assert found.factor == 1.0
    assert found.note.startswith("the instruction set alone exceeds the published difference")
    assert "no quota added" in found.note


@pytest.mark.parametrize("measured", [0.0, -1.0, float("nan")])
def test_a_ratio_must_be_over_zero(measured: float) -> None:
    with pytest.raises(ValueError, match="allowed: over 0"):
        quota_factor(OLD, NEW, measured)


def test_every_cap_reaches_openvino_and_none_is_unknown() -> None:
    assert environment(None) == {}
    for isa in ISAS:
        assert environment(isa)["ONEDNN_MAX_CPU_ISA"] == isa
    with pytest.raises(KeyError):
        environment("AVX3")


def test_the_old_processor_has_no_avx2_in_any_library() -> None:
    caps = environment("AVX")
    assert "AVX2" in caps["NPY_DISABLE_CPU_FEATURES"].split()
    assert "AVX" not in caps["NPY_DISABLE_CPU_FEATURES"].split()
    assert "AVX2" in caps["OPENCV_CPU_DISABLE"].split(",")
    assert "-XX:UseAVX=1" in caps["JAVA_TOOL_OPTIONS"].split()
    assert caps["MKL_ENABLE_INSTRUCTIONS"] == caps["ARROW_USER_SIMD_LEVEL"] == "AVX"


def test_numpys_baseline_is_never_disabled() -> None:
    for isa in ISAS:
        named = environment(isa).get("NPY_DISABLE_CPU_FEATURES", "").split()
        assert not {"SSE", "SSE2", "SSE3"} & set(named)


def test_what_is_not_capped_has_a_reason() -> None:
    assert NOT_CAPPED
    assert all(NOT_CAPPED.values())
