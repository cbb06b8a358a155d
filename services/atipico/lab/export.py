"""Notebooks run from their text, and as PDF: pandoc lays them out, typst sets them. Neither asks a network."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atipico.config import PACKAGE
from atipico.errors import Refused, nearest
from atipico.learn.extra import missing

_LOOK = (PACKAGE / "lab" / "notebook.typ").read_text(encoding="utf-8")
_CELL_S = 1200
_STACK = "atipico.Client("  # what a notebook has that needs a running stack


def find(folder: Path, names: list[str]) -> list[Path]:
    """The notebooks in text of a folder, all or those named: 01-look, or 01 for short. Raises Refused for no such."""
    known = {path.stem: path for path in sorted(folder.glob("[0-9][0-9]-*.py"))}
    chosen = [next((one for one in known if name in (one, one[:2])), name) for name in names]
    for name in chosen:
        if name not in known:
            raise Refused(f"no notebook {name!r} in {folder}{nearest(name, known)}")
    return [known[name] for name in chosen or known]


def needs_stack(notebook: Path) -> bool:
    return _STACK in notebook.read_text(encoding="utf-8")


def execute(notebook: Path, env: Mapping[str, str] | None = None) -> Any:
    """Run every cell in its own folder; the notebook with what its cells show.

    Raises Refused where a package is missing or a cell fails, with the end of what it said.
    """
    try:
        import jupytext
        import nbclient
        from nbclient.exceptions import CellExecutionError
        from traitlets.config import Config
    except ImportError as error:
        raise Refused(missing("running notebooks", error, "notebooks")) from error
    found = jupytext.read(notebook)
    runner = nbclient.NotebookClient(
        found,
        timeout=_CELL_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(notebook.parent)}},
        config=Config({"KernelManager": {"transport_encryption": "auto"}}),  # others here can't listen in on it
    )
    try:
        runner.execute(env={**os.environ, **(env or {})})
    except CellExecutionError as error:
        raise Refused(f"{notebook.name}: a cell failed: {error.ename}: {error.evalue}") from error
    return found


def to_pdf(executed: Any, out: Path) -> None:
    """Write an executed notebook as PDF; it appears whole. Raises Refused where a package is missing."""
    try:
        import nbformat
        import pypandoc
        import typst
    except ImportError as error:
        raise Refused(missing("a PDF", error, "notebooks")) from error
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        draft = Path(folder)
        nbformat.write(executed, draft / "notebook.ipynb")
        text = pypandoc.convert_file(
            str(draft / "notebook.ipynb"),
            "typst",
            format="ipynb-citations-autolink_bare_uris",  # precision@k is no reference, and nobody's address
            extra_args=["--extract-media", "media"],
            cworkdir=str(draft),
        )
        (draft / "notebook.typ").write_text(_LOOK + text, encoding="utf-8")
        typst.compile(str(draft / "notebook.typ"), output=str(draft / "made.pdf"), root=str(draft))
        (draft / "made.pdf").replace(out)
