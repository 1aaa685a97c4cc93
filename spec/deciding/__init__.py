"""Whether a claim holds, and the name of what is wrong with it."""
