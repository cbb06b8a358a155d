"""The Python face of Atipico: what the commands and the services do, for notebooks and programs."""

from atipico.client.client import Client
from atipico.client.label import Labelled
from atipico.client.names import Unknown
from atipico.client.results import Result, Written

__all__ = ["Client", "Labelled", "Result", "Unknown", "Written"]
