"""Reverse and forward mode, and how a derivation is explained."""
