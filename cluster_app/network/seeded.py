"""Seeded weights: a network that finds *something* without having learned anything.

Plain random weights detect nothing, and every stage after the network would be tested on nothing. So
each layer is drawn from a seed and then normalised on photographs (as in Mishkin and Matas, "All you
need is a good init", 2016), so that activations neither vanish nor explode. The masks mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from cluster_app.network.configurations import configuration
from cluster_app.network.model import FeaturePyramid, PredictionHead, Yolact

CALIBRATION_SIZE = 256
RESIDUAL_GAIN = 0.1  # of each block's last batch norm: keeps the error of rounded weights small over 16 blocks
LEVEL_GAINS = (0.03, 0.1, 1.0)  # of P3, P4, P5: the many small priors of the first two seldom win
CLAMP = 0.1  # half-width of the head's clamped features, in their standard deviations
BOX_GAIN = 2.0  # standard deviation of the box regressions: boxes vary, and stay near their priors
LOGIT_GAIN = 2.5  # standard deviation of the foreground logits: a few classes stand out at a place


def seeded_network(name: str, images: Sequence[torch.Tensor], seed: int) -> Yolact:
    """The network of that configuration whose every layer is fitted to the images, each (1, 3, 256, 256).

    Its state_dict fits any input size, and is the same for the same seed and images on one kind of
    processor. The class scores still need their background bias, see `calibrate`.
    """
    generator = torch.Generator().manual_seed(seed)
    batch = torch.cat(list(images))
    model = Yolact(configuration(name, CALIBRATION_SIZE)).eval()
    with torch.no_grad():
        _draw_weights(model, generator)
        _fit_batch_norms(model.backbone, batch)
        _normalised_run(model.fpn, model.backbone(batch))
        _weigh_levels(model.fpn)
        levels = model.fpn(model.backbone(batch))
        _normalised_run(model.proto_net, levels[0])
        _fit_head(model.prediction_layers[0], levels)
        silence_background(model)
    return model


def silence_background(model: Yolact, bias: float = 0.0) -> None:
    """Make the background's logit the same constant everywhere, instead of a function of the image."""
    conf = model.prediction_layers[0].conf_layer
    with torch.no_grad():
        conf.weight[:: model.config.num_classes] = 0.0
        conf.bias[:: model.config.num_classes] = bias


def _draw_weights(model: Yolact, generator: torch.Generator) -> None:
    """He initialisation (He et al., 2015) of every convolution, biases 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            module.weight.normal_(0.0, (2.0 / fan_in) ** 0.5, generator=generator)
            if module.bias is not None:
                module.bias.zero_()


def _fit_batch_norms(backbone: nn.Module, batch: torch.Tensor) -> None:
    """Let each batch norm keep the mean and variance of this one batch."""
    for name, module in backbone.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
            if name.endswith("bn3"):
                module.weight.fill_(RESIDUAL_GAIN)
    backbone.train()
    backbone(batch)
    backbone.eval()


def _normalised_run(part: nn.Module, inputs: object) -> None:
    """Run the part, normalising each of its convolutions the moment it is reached."""

    def normalise(conv: nn.Conv2d, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        _rescale(conv, [output], 1.0)
        again = functional.conv2d(inputs[0], conv.weight, conv.bias, conv.stride, conv.padding)
        return again

    convs = [module for module in part.modules() if isinstance(module, nn.Conv2d)]
    # A hook may replace the output, which torch 1.13's annotation does not say.
    hooks = [conv.register_forward_hook(normalise) for conv in convs]  # type: ignore[arg-type]
    part(inputs)
    for hook in hooks:
        hook.remove()


def _weigh_levels(fpn: FeaturePyramid) -> None:
    finer = (LEVEL_GAINS[0],) * (len(fpn.pred_layers) - len(LEVEL_GAINS))  # P2, where a pyramid has one
    for gain, layer in zip((*finer, *LEVEL_GAINS), reversed(fpn.pred_layers)):
        layer.weight.mul_(gain)
        layer.bias.mul_(gain)


def _fit_head(head: PredictionHead, levels: list[torch.Tensor]) -> None:
    """Normalise the head over all levels, on features that are clamped.

    A busy photograph has larger activations than a plain one, and would give a thousand detections
    where the other gives ten. So the hidden channels come in pairs, relu(u + c) and relu(u - c), that
    the next layers subtract: u clamped to -c..c, which is nearly its sign, whatever the contrast.
    """
    hidden = head.upfeature[0]
    half = hidden.out_channels // 2
    hidden.weight[half:] = hidden.weight[:half]
    _rescale(hidden, [hidden(level) for level in levels], 1.0)
    hidden.bias[:half] += CLAMP
    hidden.bias[half:] -= CLAMP
    features = [head.upfeature(level) for level in levels]
    for layer, gain in ((head.bbox_layer, BOX_GAIN), (head.conf_layer, LOGIT_GAIN), (head.mask_layer, 1.0)):
        layer.weight[:, half:] = -layer.weight[:, :half]
        _rescale(layer, [layer(feature) for feature in features], gain)


def _rescale(conv: nn.Conv2d, outputs: Sequence[torch.Tensor], gain: float) -> None:
    """Change weight and bias so that each channel of the outputs would have mean 0 and deviation gain.

    Each output counts the same, however large: otherwise P3 alone would decide for all levels.
    """
    by_channel = [y.transpose(0, 1).flatten(1) for y in outputs]
    means = torch.stack([values.mean(dim=1) for values in by_channel])
    variances = torch.stack([values.var(dim=1, unbiased=False) for values in by_channel])
    scale = gain / (variances.mean(dim=0) + means.var(dim=0, unbiased=False)).sqrt()
    assert conv.bias is not None
    conv.bias.copy_((conv.bias - means.mean(dim=0)) * scale)
    conv.weight.mul_(scale[:, None, None, None])
