"""From the network's box regressions to boxes."""

from __future__ import annotations

import numpy as np

from cluster_app.tasks import Floats


def decode(loc: Floats, priors: Floats, variances: tuple[float, float]) -> Floats:
    """Regressions (N, 4) and priors (N, 4) cx, cy, w, h -> boxes (N, 4) x1, y1, x2, y2.

    All are fractions of the image; boxes may reach outside of it. Source: SSD's encoding with
    variances (Liu et al., 2016), which YOLACT uses unchanged.
    """
    centres = priors[:, :2] + loc[:, :2] * variances[0] * priors[:, 2:]
    sizes = priors[:, 2:] * np.exp(loc[:, 2:] * variances[1])
    corners = centres - sizes / 2
    return np.concatenate([corners, corners + sizes], axis=1).astype(np.float32, copy=False)
