"""The network's names, counts and shapes, against those of the published one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cluster_app.network.configurations import CONFIGURATIONS, configuration
from cluster_app.network.model import Yolact
from cluster_app.tasks.yolact import YolactConfig
from cluster_app.tasks.yolact.priors import make_priors


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_are_as_many_as_published() -> None:
    model = Yolact(YolactConfig())
    assert parameters(model) == 31_164_943
    assert parameters(model.backbone) == 23_508_032
    assert parameters(model.fpn) == 3_868_672
    assert parameters(model.proto_net) == 2_368_544
    assert parameters(model.prediction_layers) == 1_399_135
    assert parameters(model.semantic_seg_conv) == 20_560


def test_state_has_the_published_names() -> None:
    state = Yolact(YolactConfig()).state_dict()
    assert len(state) == 354
    assert sum(name.endswith("num_batches_tracked") for name in state) == 53
    shapes = {
        "backbone.conv1.weight": (64, 3, 7, 7),
        "backbone.layers.0.0.downsample.0.weight": (256, 64, 1, 1),
        "backbone.layers.3.2.conv3.weight": (2048, 512, 1, 1),
        "fpn.lat_layers.0.weight": (256, 2048, 1, 1),
        "fpn.pred_layers.2.bias": (256,),
        "fpn.downsample_layers.1.weight": (256, 256, 3, 3),
        "proto_net.8.weight": (256, 256, 3, 3),
        "proto_net.10.weight": (32, 256, 1, 1),
        "prediction_layers.0.upfeature.0.weight": (256, 256, 3, 3),
        "prediction_layers.0.bbox_layer.weight": (12, 256, 3, 3),
        "prediction_layers.0.conf_layer.bias": (243,),
        "prediction_layers.0.mask_layer.weight": (96, 256, 3, 3),
        "semantic_seg_conv.weight": (80, 256, 1, 1),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes


def test_r101_has_more_blocks_in_its_third_stage() -> None:
    model = Yolact(CONFIGURATIONS["r101"])
    assert [len(stage) for stage in model.backbone.layers] == [3, 4, 23, 3]
    # 17 bottlenecks more in the stage of 1,024 channels: three convolutions, and three batch norms of five values.
    assert len(model.state_dict()) == 354 + 17 * 18
    bottleneck = 1024 * 256 + 9 * 256 * 256 + 256 * 1024 + 2 * (256 + 256 + 1024)
    assert parameters(model) == 31_164_943 + 17 * bottleneck


def test_small_is_small_and_has_every_part() -> None:
    model = Yolact(CONFIGURATIONS["small"])
    assert parameters(model) <= 5_000_000
    assert 2 * sum(value.numel() for value in model.state_dict().values()) < 12e6  # bytes, as FP16
    prefixes = {name.split(".")[0] for name in model.state_dict()}
    assert prefixes == {name.split(".")[0] for name in Yolact(YolactConfig()).state_dict()}


def test_small_begins_a_level_finer() -> None:
    config = CONFIGURATIONS["small"]
    assert config.feature_sizes == (48, 24, 12, 6, 3)
    assert config.proto_size == 96
    assert config.scales == config.base_scales
    assert config.prior_count == 3 * (48**2 + 24**2 + 12**2 + 6**2 + 3**2)
    assert make_priors(config).shape == (config.prior_count, 4)


@pytest.mark.parametrize("name", sorted(CONFIGURATIONS))
def test_unpublished_input_sizes_scale_the_priors(name: str) -> None:
    config = CONFIGURATIONS[name]
    double = configuration(name, 2 * config.image_size)
    assert all(abs(b - 2 * a) <= 1 for a, b in zip(config.scales, double.scales, strict=True))
    assert configuration(name) == config


def test_unknown_configurations_and_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="configuration is 'r18'; allowed: r50, r101, small"):
        configuration("r18")
    with pytest.raises(ValueError, match="image_size is 32; allowed: 64 to 1400"):
        configuration("small", 32)
    with pytest.raises(ValueError, match="first_level is 4; allowed: 2, 3"):
        YolactConfig(first_level=4)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("r50", 64),
        ("r50", 138),
        ("r50", 165),
        ("r50", 201),
        ("r101", 96),
        ("small", 64),
        ("small", 192),
        ("small", 251),
    ],
)
def test_outputs_have_the_shapes_that_the_configuration_says(name: str, size: int) -> None:
    config = configuration(name, size)
    model = Yolact(config).eval()
    image = torch.randn(1, 3, size, size)
    levels = model.fpn(model.backbone(image))
    assert tuple(level.shape[-1] for level in levels) == config.feature_sizes
    loc, conf, mask, proto = model(image)
    shapes = {"loc": loc.shape, "conf": conf.shape, "mask": mask.shape, "proto": proto.shape}
    assert {name: tuple(shape) for name, shape in shapes.items()} == config.output_shapes
    torch.testing.assert_close(conf.sum(dim=-1), torch.ones(1, config.prior_count))
    assert mask.abs().max() <= 1
    assert proto.min() >= 0


def test_head_is_ordered_by_row_column_ratio() -> None:
    config = YolactConfig(image_size=64)
    head = Yolact(config).prediction_layers[0]
    level = torch.randn(1, 256, 3, 5)
    loc, _, _ = head(level)
    planes = head.bbox_layer(head.upfeature(level))
    for row, column, ratio in ((0, 0, 0), (1, 4, 2), (2, 1, 1)):
        found = loc[0, (row * 5 + column) * 3 + ratio]
        torch.testing.assert_close(found, planes[0, ratio * 4 : ratio * 4 + 4, row, column])


def test_pyramid_is_rectified_up_to_p5_only() -> None:
    torch.manual_seed(0)
    model = Yolact(YolactConfig(image_size=128)).eval()
    lowest = [float(level.min()) for level in model.fpn(model.backbone(torch.randn(1, 3, 128, 128)))]
    assert lowest[:3] == [0, 0, 0]
    assert lowest[3] < 0
    assert lowest[4] < 0
