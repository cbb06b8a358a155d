"""Atipico: every accepted sample of a live stream gets exactly one visible score."""

__version__ = "0.1.0"
