"""Prints what one core does: seconds per image of a ResNet-like stack of convolutions, FP32, one thread.

Usage: one_core.py [MODEL.xml]: with a model, that model is timed instead, on zeros. The best of the repeats is
printed, as JSON: what disturbs a measurement on a shared host only ever makes it slower.
"""

import json
import sys
import time

import numpy as np
import openvino.runtime as ov
from openvino.runtime import opset8 as ops

REPEATS, SECONDS = 5, 6.0


def stack() -> ov.Model:
    """Convolutions 3x3 at ResNet-50's widths and resolutions: 1x3x224x224 in, about 3 GFLOP."""
    random = np.random.default_rng(0)
    data = ops.parameter([1, 3, 224, 224], np.float32, name="input")
    node, channels = data, 3
    for width, stride, depth in ((64, 2, 1), (64, 2, 3), (128, 2, 3), (256, 2, 3), (512, 2, 3)):
        for layer in range(depth):
            weights = ops.constant(random.standard_normal((width, channels, 3, 3), np.float32) * 0.01)
            step = [stride, stride] if layer == 0 else [1, 1]
            node = ops.relu(ops.convolution(node, weights, step, [1, 1], [1, 1], [1, 1]))
            channels = width
    return ov.Model([node], [data], "one-core")


def main() -> None:
    core = ov.Core()
    model = core.read_model(sys.argv[1]) if len(sys.argv) > 1 else stack()
    config = {"INFERENCE_NUM_THREADS": "1", "NUM_STREAMS": "1", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(model, "CPU", config).create_infer_request()
    image = np.zeros(list(model.inputs[0].shape), np.float32)
    request.infer([image])
    times: list = []
    begin = time.perf_counter()
    while len(times) < REPEATS or (time.perf_counter() - begin < SECONDS and len(times) < 50):
        start = time.perf_counter()
        request.infer([image])
        times.append(time.perf_counter() - start)
    print(json.dumps({"seconds_per_image": min(times), "repeats": len(times)}))


main()
