"""A layer in a process of its own: backproof survives its faults, though not its malice."""
