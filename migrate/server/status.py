"""Where the process is in its life."""

from enum import Enum


class Phase(Enum):
    """Starting until every model is right; draining after SIGTERM."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


class Status:
    """The phase, shared by everything that answers."""

    def __init__(self) -> None:
        self.phase = Phase.STARTING

    @property
    def ready(self) -> bool:
        """Whether new work should be sent here."""
        return self.phase is Phase.READY

    @property
    def serving(self) -> bool:
        """Whether the models answer."""
        return self.phase is not Phase.STARTING
