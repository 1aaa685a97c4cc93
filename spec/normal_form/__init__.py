"""Sums of monomials: equal ones come from equal terms."""
