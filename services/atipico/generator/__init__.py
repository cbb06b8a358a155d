"""The generator: sources are read at their pace, and what they give is written to a store, each sample once."""
