"""Who may import whom: three worlds with one contract between them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STANDARD = sys.stdlib_module_names


def imports(path: Path, root: Path) -> Iterator[str]:
    """The modules a file imports, anywhere in it, in full."""
    package = path.relative_to(root).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package[: -node.level]) if node.level else ""
            module = ".".join(part for part in (above, node.module) if part)
            yield from (f"{module}.{name.name}" for name in node.names)


def within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def offenders(root: Path, folder: str, allowed: Callable[[Path, str], bool]) -> list[str]:
    files = sorted((root / folder).rglob("*.py"))
    assert files, f"no Python files in {folder}: nothing was checked"
    return [
        f"{path.relative_to(root)} imports {module}"
        for path in files
        for module in imports(path, root)
        if not allowed(path.relative_to(root), module)
    ]


def no_experiments(_: Path, module: str) -> bool:
    return not within(module, "experiments")


def contract_only(_: Path, module: str) -> bool:
    return not within(module, "cluster_app") or within(module, "cluster_app.contract")


def torch_in_its_rooms(path: Path, module: str) -> bool:
    rooms = ("cluster_app/network", "cluster_app/backends")
    return not within(module, "torch", "torchvision") or path.as_posix().startswith(rooms)


def standard_library(_: Path, module: str) -> bool:
    return module.split(".")[0] in STANDARD or within(module, "cluster_app.contract")


def numpy_and_opencv(_: Path, module: str) -> bool:
    return module.split(".")[0] in STANDARD or within(module, "numpy", "cv2", "cluster_app.tasks")


RULES = [
    ("cluster_app", no_experiments),
    ("cluster_app", torch_in_its_rooms),
    ("cluster_app/contract", standard_library),
    ("cluster_app/tasks", numpy_and_opencv),
    ("experiments", contract_only),
    ("experiments", torch_in_its_rooms),
]


@pytest.mark.parametrize(("folder", "rule"), RULES, ids=[f"{folder} {rule.__name__}" for folder, rule in RULES])
def test_rule_holds(folder: str, rule: Callable[[Path, str], bool]) -> None:
    assert offenders(ROOT, folder, rule) == []


BREACHES = [
    (no_experiments, "cluster_app/pipeline/x.py", "from experiments.types import ClusterSpec"),
    (no_experiments, "cluster_app/pipeline/x.py", "def late():\n    import experiments"),
    (contract_only, "experiments/x.py", "from cluster_app import pipeline"),
    (contract_only, "experiments/x.py", "from cluster_app.tasks.yolact import nms"),
    (torch_in_its_rooms, "cluster_app/tasks/x.py", "import torch.nn as nn"),
    (standard_library, "cluster_app/contract/x.py", "from ..tasks import yolact"),
    (standard_library, "cluster_app/contract/x.py", "import numpy"),
    (numpy_and_opencv, "cluster_app/tasks/x.py", "import pyspark"),
]


@pytest.mark.parametrize(("rule", "path", "text"), BREACHES)
def test_a_breach_is_found(tmp_path: Path, rule: Callable[[Path, str], bool], path: str, text: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert len(offenders(tmp_path, path.split("/")[0], rule)) == 1


def test_an_empty_folder_is_no_pass(tmp_path: Path) -> None:
    (tmp_path / "cluster_app").mkdir()
    with pytest.raises(AssertionError, match="nothing was checked"):
        offenders(tmp_path, "cluster_app", no_experiments)


def test_what_runs_on_clusters_is_python_3_9() -> None:
    files = sorted((ROOT / "cluster_app").rglob("*.py"))
    assert files
    for path in files:
        ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 9))
