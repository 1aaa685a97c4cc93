"""Findings, the data that every command yields, and their renderings."""
