"""A run folder in one file, taken while it runs; and such a file as a run folder again."""
