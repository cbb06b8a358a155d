"""Atipico: every accepted sample of a live stream gets exactly one visible score."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atipico.client import Client

__version__ = "0.1.0"
__all__ = ["Client"]


def __getattr__(name: str) -> Any:
    """`atipico.Client` is loaded when it is asked for: a part that never does starts without it."""
    if name == "Client":
        from atipico.client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
