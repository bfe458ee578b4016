"""How a worker of the fused engine best uses its share of a node: threads, pinning, inferences under way."""
