"""JupyterLab beside the stack, with the package at hand: `up.sh --lab`."""
