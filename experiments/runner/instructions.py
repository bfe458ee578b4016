"""The instruction set that a node computes with: its cap, or less where the host's processor has less. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from experiments.isa import ISAS

# What the kernel calls the features that oneDNN asks for, by its name for the instruction set.
_FLAGS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "SSE41": frozenset({"sse4_1"}),
        "AVX": frozenset({"avx"}),
        "AVX2": frozenset({"avx2", "fma"}),
        "AVX2_VNNI": frozenset({"avx2", "fma", "avx_vnni"}),
        "AVX2_VNNI_2": frozenset({"avx2", "fma", "avx_vnni", "avx_vnni_int8", "avx_ne_convert"}),
        "AVX512_CORE": (core := frozenset({"avx512f", "avx512bw", "avx512vl", "avx512dq"})),
        "AVX512_CORE_VNNI": (vnni := core | {"avx512_vnni"}),
        "AVX512_CORE_BF16": (bf16 := vnni | {"avx512_bf16"}),
        "AVX512_CORE_FP16": (fp16 := bf16 | {"avx512_fp16"}),
        "AVX512_CORE_AMX": (amx := fp16 | {"amx_tile", "amx_int8", "amx_bf16"}),
        "AVX512_CORE_AMX_FP16": amx | {"amx_fp16"},
    }
)
BASELINE = "baseline"


def reached(cap: str | None, flags: Collection[str]) -> str:
    """The highest of ISAS up to the cap that a processor with these flags has; BASELINE where it has none of them.

    cap: None leaves what the processor has. Raises KeyError for a cap that is not in ISAS.
    """
    if cap is not None and cap not in _FLAGS:
        raise KeyError(cap)
    allowed = ISAS[: ISAS.index(cap) + 1] if cap is not None else ISAS
    return next((isa for isa in reversed(allowed) if _FLAGS[isa] <= set(flags)), BASELINE)
