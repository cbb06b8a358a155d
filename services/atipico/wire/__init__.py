"""Bytes become types, and types bytes, here and nowhere else."""
