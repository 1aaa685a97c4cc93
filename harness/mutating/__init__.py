"""Mistakes planted into a layer's own source, to see whether the gate catches them."""
