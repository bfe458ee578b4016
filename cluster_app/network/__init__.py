"""The builder's side of YOLACT: network, weights, conversion. Needs Torch; runs in the builder image only."""
