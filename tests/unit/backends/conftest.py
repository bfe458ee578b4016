"""Tests of cluster_app/backends. They need Torch, ONNX Runtime and OpenVINO: `make test` runs them in the builder."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest

from cluster_app.backends.folder import ModelFolder

collect_ignore_glob = [] if find_spec("torch") and find_spec("openvino") else ["test_*.py"]

SIZE = 96


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """The small configuration with drawn weights, exported as it is."""
    import numpy as np
    import openvino as ov
    import torch

    from cluster_app.network.configurations import configuration
    from cluster_app.network.model import Yolact
    from cluster_app.tasks.yolact.config import INPUT_NAME, OUTPUT_NAMES
    from cluster_app.tasks.yolact.priors import make_priors

    folder = tmp_path_factory.mktemp("models") / f"yolact-small-{SIZE}"
    folder.mkdir()
    torch.manual_seed(0)
    config = configuration("small", SIZE)
    network = Yolact(config).eval()
    torch.save(network.state_dict(), folder / "weights.pth")
    torch.onnx.export(
        network,
        torch.zeros(1, 3, SIZE, SIZE),
        str(folder / "model.onnx"),
        opset_version=11,
        input_names=[INPUT_NAME],
        output_names=list(OUTPUT_NAMES),
    )
    converted = ov.convert_model(str(folder / "model.onnx"))
    for name, half in (("fp32", False), ("fp16", True)):
        ov.save_model(converted, str(folder / f"{name}.xml"), compress_to_fp16=half)
    np.save(folder / "priors.npy", make_priors(config))
    manifest = {
        "name": folder.name,
        "backbone": "small",
        "image_size": SIZE,
        "num_classes": config.num_classes,
        "seeded": True,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return ModelFolder.read(folder)
