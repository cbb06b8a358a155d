"""The agent: windows by key, one row a sample, the classifier's score back to the stream host."""
