"""Instruction sets: the caps that ONEDNN_MAX_CPU_ISA knows, and the same cap for the other libraries.

Only OpenVINO's kernels follow ONEDNN_MAX_CPU_ISA. The names were tried with the versions on the cluster (NumPy 1.26.4
with its OpenBLAS, OpenCV 4.8.1, Arrow 12.0.1): NumPy and OpenCV warn of an unknown one and do not cap it. HotSpot's and
MKL's are documented ones; MKL acts on them on Intel's processors only.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# oneDNN 3 in OpenVINO 2023.3, in rising order.
ISAS = (
    "SSE41",
    "AVX",
    "AVX2",
    "AVX2_VNNI",
    "AVX2_VNNI_2",
    "AVX512_CORE",
    "AVX512_CORE_VNNI",
    "AVX512_CORE_BF16",
    "AVX512_CORE_FP16",
    "AVX512_CORE_AMX",
    "AVX512_CORE_AMX_FP16",
)

# The least cap under which oneDNN computes in BF16 by instructions for it, and what the kernel calls those.
BF16_ISA = "AVX512_CORE_BF16"
BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})

# Features that NumPy dispatches on; SSE to SSE3 are its baseline, and naming those is an error at import.
_NUMPY_512_AFTER_SKX = "AVX512_CLX AVX512_CNL AVX512_ICL"
_NUMPY_512 = f"AVX512F AVX512CD AVX512_KNL AVX512_KNM AVX512_SKX {_NUMPY_512_AFTER_SKX}"
_JAVA_BEFORE_HASWELL = "-XX:-UseFMA -XX:-UseBMI1Instructions -XX:-UseBMI2Instructions"

_SSE41 = {
    "NPY_DISABLE_CPU_FEATURES": f"POPCNT SSE42 AVX F16C FMA3 AVX2 {_NUMPY_512}",
    "OPENCV_CPU_DISABLE": "POPCNT,SSE4.2,AVX,FP16,FMA3,AVX2,AVX512-SKX",
    "ARROW_USER_SIMD_LEVEL": "NONE",
    "OPENBLAS_CORETYPE": "Core2",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "JAVA_TOOL_OPTIONS": f"-XX:UseAVX=0 {_JAVA_BEFORE_HASWELL}",
}
_AVX = {
    "NPY_DISABLE_CPU_FEATURES": f"FMA3 AVX2 {_NUMPY_512}",
    "OPENCV_CPU_DISABLE": "FMA3,AVX2,AVX512-SKX",
    "ARROW_USER_SIMD_LEVEL": "AVX",
    "OPENBLAS_CORETYPE": "Sandybridge",
    "MKL_ENABLE_INSTRUCTIONS": "AVX",
    "JAVA_TOOL_OPTIONS": f"-XX:UseAVX=1 {_JAVA_BEFORE_HASWELL}",
}
_AVX2 = {
    "NPY_DISABLE_CPU_FEATURES": _NUMPY_512,
    "OPENCV_CPU_DISABLE": "AVX512-SKX",
    "ARROW_USER_SIMD_LEVEL": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "JAVA_TOOL_OPTIONS": "-XX:UseAVX=2",
}
# No OPENBLAS_CORETYPE from here on: it forces its kernels, also on a host that has no AVX-512.
_AVX512 = {
    "NPY_DISABLE_CPU_FEATURES": _NUMPY_512_AFTER_SKX,
    "MKL_ENABLE_INSTRUCTIONS": "AVX512",
}
_OTHERS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "SSE41": _SSE41,
        "AVX": _AVX,
        "AVX2": _AVX2,
        "AVX2_VNNI": _AVX2,
        "AVX2_VNNI_2": _AVX2,
        "AVX512_CORE": _AVX512,
    }
)

# What keeps the host's instruction set under a cap, and why that matters little or cannot be helped.
NOT_CAPPED: Mapping[str, str] = MappingProxyType(
    {
        "OpenVINO's own kernels outside oneDNN": "they follow the processor; the convolutions, nearly all of the "
        "time, are oneDNN's",
        "OpenBLAS, BF16 and AMX instructions": "for caps of AVX-512: its core type is forced, not capped, and would "
        "end the process on a host without AVX-512; single precision uses the same kernels either way",
        "MKL on processors not from Intel": "MKL_ENABLE_INSTRUCTIONS acts on Intel's only; BigDL's identity model "
        "calls no heavy MKL routine",
        "MKL under SSE41": "SSE4_2 is its lowest setting",
        "libjpeg-turbo in OpenCV": "it selects AVX2 or SSE2 by itself; only decoding is touched",
        "BigDL's OpenCV in the JVM": "an older version of its own, which shares OPENCV_CPU_DISABLE only where the "
        "names agree",
        "glibc's string and memory functions": "their tunables are tied to one glibc version; they move bytes only",
        "the JVM under SSE41": "its lowest setting includes SSE4.2",
    }
)


def environment(isa: str | None) -> Mapping[str, str]:
    """Environment variables that cap a node's libraries at `isa`, one of ISAS; none for None (the host's).

    Raises KeyError for a name that is not in ISAS.
    """
    if isa is None:
        return MappingProxyType({})
    if isa not in ISAS:
        raise KeyError(isa)
    others = _OTHERS.get(isa, {})  # from AVX512_CORE_VNNI on, the other libraries have nothing above to cap
    return MappingProxyType({"ONEDNN_MAX_CPU_ISA": isa, **others})
