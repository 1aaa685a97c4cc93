"""Layers and losses as data: one file of equations each."""
