"""Settings: one config.toml a service, overridden by the environment (`ATIPICO_<SERVICE>_<SETTING>`)."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from atipico.errors import Refused

PACKAGE = Path(__file__).resolve().parent
_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_NS |= {"d": 24 * _NS["h"], "w": 7 * 24 * _NS["h"]}
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SOCKET_PATH_BYTES = 107  # what the kernel leaves of sun_path


def nanoseconds(text: str) -> int:
    """Read a duration such as "500ms", "1h30m" or "7d"; Refused when it has no unit."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|d|w)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        raise Refused(f"duration {text!r} is not understood; write a number and a unit, such as 500ms, 10s, 7d")
    return sum(round(float(number) * _NS[unit]) for number, unit in parts)


def _a_duration(text: str) -> str:
    try:
        nanoseconds(text)
    except Refused as error:
        raise ValueError(str(error)) from error
    return text


def _duration(value: Any) -> Any:
    try:
        return nanoseconds(value) / 1e9 if isinstance(value, str) else value
    except Refused as error:
        raise ValueError(str(error)) from error


def _size(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"(\d+)\s*(B|KiB|MiB|GiB)", value)
    if found is None:
        raise ValueError(f"size {value!r} is not understood; write a number and a unit, such as 64KiB, 2GiB")
    return int(found[1]) * _BYTES[found[2]]


def _secret(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(getattr(error, "strerror", None) or "is no text") from error


_IS_SECRET = BeforeValidator(_secret)
Seconds = Annotated[float, BeforeValidator(_duration)]
Duration = Annotated[str, AfterValidator(_a_duration)]  # "7d", as it was written
Bytes = Annotated[int, BeforeValidator(_size)]
Secret = Annotated[str, _IS_SECRET]  # what begins with @ is the file that holds it; <VARIABLE>_FILE names one too


def home() -> Path:
    """The folder with `models/`, `jobs/` and `data/`: ATIPICO_HOME, else the checkout, else here."""
    if named := os.environ.get("ATIPICO_HOME"):
        return Path(named).resolve()
    checkout = PACKAGE.parent.parent
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


def run_dir() -> Path:
    """The folder of all run-time state: ATIPICO_RUN, else `run/` under home; made when absent."""
    path = Path(os.environ.get("ATIPICO_RUN") or home() / "run").resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def socket_path(name: str) -> Path:
    """Where the Unix socket `name` lies: in the run folder, or in a short private one when that path is too long."""
    path = run_dir() / f"{name}.sock"
    if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(run_dir())).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"atipico-{os.getuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.stat().st_uid != os.getuid() or short.stat().st_mode & 0o077:
        raise Refused(f"{short} belongs to somebody else or is open to others; remove it or set a shorter ATIPICO_RUN")
    return short / f"{name}.sock"


class _SecretFiles(PydanticBaseSettingsSource):
    """Secrets as container platforms hand them over: ATIPICO_<SERVICE>_<SETTING>_FILE names the file."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{self.config.get('env_prefix', '')}{field_name}_FILE".upper())
        return f"@{path}" if path and _IS_SECRET in field.metadata else None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """The base of a service's settings. Unknown settings are refused, the environment wins over the file."""

    model_config = SettingsConfigDict(extra="forbid", env_nested_delimiter="__")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _SecretFiles(settings_cls), TomlConfigSettingsSource(settings_cls)


S = TypeVar("S", bound=Settings)


def load(kind: type[S], **given: Any) -> S:
    """Read a service's settings; `given` (a command's options) wins, None in it means "not given".

    Raises Refused with the setting, its value and what was needed.
    """
    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = (
            f"{(name := '.'.join(map(str, e['loc'])))} = {_shown(name, e['input'])}: {plainly(e)}"
            for e in error.errors()
        )
        file = kind.model_config.get("toml_file")
        raise Refused(f"{kind.__name__} ({file}): {'; '.join(lines)}") from error


def plainly(error: Mapping[str, Any]) -> str:
    """What was needed in place of a wrong setting, in the words of whoever checked it."""
    return str(error["msg"]).removeprefix("Value error, ")


def wrong(error: Mapping[str, Any], place: str) -> str:
    """One wrong setting of a file: where, the value unless that is a table, what was needed."""
    value = error["input"]
    return f"{place}{f' = {_shown(place, value)}' if isinstance(value, str | int | float) else ''}: {plainly(error)}"


def all_wrong(error: ValidationError, whole: str) -> str:
    """Each wrong setting of a file; whole: what it is called where no setting alone is wrong."""
    return "; ".join(wrong(e, ".".join(map(str, e["loc"])) or whole) for e in error.errors())


_KEPT_BACK = re.compile(r"password|token|secret", re.IGNORECASE)
_LOGIN = re.compile(r"(?<=://)[^/\s]*@")
_LONGEST = 200


def _shown(name: str, value: Any) -> str:
    """The value that was wrong. A secret is not told, but where it was to be found is."""
    if _KEPT_BACK.search(name) and not str(value).startswith("@"):
        return "***"
    told = _LOGIN.sub("***@", repr(value))
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}..."
