"""Fuzzers of every parser that meets the network: coverage-guided, bounded in time, with a corpus that is kept."""
