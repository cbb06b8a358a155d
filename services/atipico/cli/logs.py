"""`atipico logs`: what the parts have to say."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer


def logs(
    part: Annotated[str | None, typer.Argument(help="Only this part's.")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Stay and show what comes.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many lines of the past.")] = 50,
) -> None:
    """Show the parts' logs. In words on a terminal, as they are (JSON) elsewhere."""
    from atipico.config import run_dir
    from atipico.engines.embedded.logs import chosen, tail
    from atipico.engines.embedded.logs import follow as come
    from atipico.logs import in_words

    shown = in_words if sys.stdout.isatty() else str
    found = chosen(run_dir(), part)
    width = max(len(log.stem) for log in found) + 2
    prefix = {log.stem: "" if part else log.stem.ljust(width) for log in found}
    for log in found:
        for line in tail(log, lines):
            print(prefix[log.stem] + shown(line))
    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            for stem, line in come(found):
                print(prefix[stem] + shown(line), flush=True)


def add_to(app: typer.Typer) -> None:
    app.command()(logs)
