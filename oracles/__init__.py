"""Independent ways to know the right numbers, the rounding bounds, and the decision."""
