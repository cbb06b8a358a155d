"""The live page: what the store tells, drawn as it arrives."""
