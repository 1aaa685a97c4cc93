"""A term in other notations: one file each; ``registry`` lists them."""
