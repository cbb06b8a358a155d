"""The shelf of scorers: who gives a row of numbers its score. The name here is the name on the command line."""
