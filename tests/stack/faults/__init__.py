"""Faults done to a running stack on purpose, and the checker that sees what they cost."""
