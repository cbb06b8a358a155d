"""The command `atipico`: each function reads its words, calls one function of the package and prints."""
