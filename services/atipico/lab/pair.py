"""Notebooks as text in git, and as .ipynb beside it for who opens them."""

from __future__ import annotations

import os
from pathlib import Path


def pair(folder: Path) -> list[Path]:
    """Make the .ipynb, without outputs, of each notebook in text (NN-*.py) that has none. Returns those made.

    From then on jupytext's contents manager keeps both alike (folder/jupytext.toml). In a folder that may only be read
    none is made: JupyterLab opens the text as it is.
    """
    import jupytext

    if not os.access(folder, os.W_OK):
        return []
    made = []
    for text in sorted(folder.glob("[0-9][0-9]-*.py")):
        notebook = text.with_suffix(".ipynb")
        if not notebook.exists():
            jupytext.write(jupytext.read(text), notebook)
            made.append(notebook)
    return made
