"""backproof proves that a neural-network layer's backward pass is right."""
