"""The stage `get`: the data become a file beside the recipe. No other stage asks the network for anything."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import orjson

from atipico.errors import NotYet, Refused
from atipico.learn.arff import arff_to_csv
from atipico.learn.download import Hash, ask, download
from atipico.learn.places import Get, SimulatedWorld
from atipico.learn.progress import Bar, Step
from atipico.learn.receipts import Reads, code_of, hash_of
from atipico.registry.manifest import digest_of

OPENML = "https://www.openml.org"  # unless ATIPICO_OPENML names another


def reads(get: Get, beside: Path) -> Reads:
    """What the stage reads; of what is far away only its name."""
    asked = {"[get]": hash_of(get.model_dump(mode="json"))}
    if get.path:
        return asked | {get.path: digest_of(_there(get.path, beside, get.most))}
    return asked | ({"code": code_of("atipico.sources.payments_file")} if get.world else {})


def fetch(get: Get, beside: Path, bar: Bar) -> Path:
    """Make the file `to` in the folder `beside`; it appears whole or not at all.

    Raises NotYet when the far side can't be reached, Refused when what it has is not what was meant.
    """
    to = beside / get.to
    draft = to.with_name(f".{os.getpid()}.{to.name}")
    try:
        if get.world:
            _simulated(get.world, draft, bar)
        elif get.path:
            shutil.copyfile(_there(get.path, beside, get.most), draft)
        else:
            _from_network(get, to.with_name(f".{to.name}.part"), draft, bar)
        if get.sha256 and (found := digest_of(draft)) != get.sha256:
            raise Refused(f"[get] {to.name}: its sha256 is {found}, needed {get.sha256}; it is not what was meant")
        draft.replace(to)
    except NotYet as error:
        raise NotYet(f"{error}\nor get it by hand: put it there as {to}, or give it with --data FILE") from error
    finally:
        draft.unlink(missing_ok=True)
    return to


def _there(path: str, beside: Path, most: int) -> Path:
    found = beside / Path(path).expanduser()
    if not found.is_file():
        raise Refused(f"[get] path: {found} is not there")
    if (size := found.stat().st_size) > most:
        raise Refused(f"[get] path: {found} has {size} bytes, at most {most} are taken; raise [get] most")
    return found


def _simulated(world: SimulatedWorld, out: Path, bar: Bar) -> None:
    from atipico.sources.payments_file import make_file

    with bar("days") as step:
        make_file(
            out,
            world.days,
            world.seed,
            world.customers,
            world.terminals,
            world.per_day,
            step=lambda more: step(more, world.days),
        )


def _from_network(get: Get, part: Path, draft: Path, bar: Bar) -> None:
    with bar("bytes") as step:
        if get.url:
            download(get.url, part, Hash("sha256", get.sha256 or ""), get.most, step)
            part.replace(draft)
            return
        _from_openml(get, part, step)
    with bar("as CSV") as step:
        arff_to_csv(part, draft, step)
    part.unlink()


def _from_openml(get: Get, part: Path, step: Step) -> None:
    """The ARFF file of a data set of OpenML, whose hash OpenML tells itself."""
    if not get.to.endswith(".csv"):
        raise Refused(f'[get] to = "{get.to}": what comes from OpenML becomes a .csv')
    about = f"{os.environ.get('ATIPICO_OPENML', OPENML).rstrip('/')}/api/v1/json/data/{get.openml}"
    try:
        told = orjson.loads(ask(about))["data_set_description"]
        url, md5, form = str(told["url"]), str(told["md5_checksum"]).lower(), str(told.get("format", "ARFF"))
    except (ValueError, LookupError, TypeError) as error:
        raise Refused(f"{about}: no description of a data set; is it OpenML?") from error
    if form.upper() != "ARFF" or not url.startswith(("http://", "https://")):
        raise Refused(f"{about}: the data are {form} at {url[:100]}; only ARFF over HTTP is read")
    download(url, part, Hash("md5", md5), get.most, step)
