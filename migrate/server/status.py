"""Where the process is in its life, and which of its models are served."""

from enum import Enum
from time import perf_counter


class Phase(Enum):
    """Starting until every model is right, or known not to be; draining after SIGTERM."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


class Status:
    """The phase and the models, shared by everything that answers.

    Attributes:
        phase: Where the process is.
        waiting: The ids of the models that are not being loaded yet.
        loading: When the loading of each model that is not done began, in seconds of ``perf_counter``.
        served: The ids of the models that answer.
        unserved: Why each of the others does not, and will not.
        failing: Why some of ``served`` do not answer now: they were unloaded, and could not be loaded again.
    """

    def __init__(self) -> None:
        self.phase = Phase.STARTING
        self.waiting: list[str] = []
        self.loading: dict[str, float] = {}
        self.served: list[str] = []
        self.unserved: dict[str, str] = {}
        self.failing: dict[str, str] = {}

    @property
    def ready(self) -> bool:
        """Whether new work should be sent here."""
        return self.phase is Phase.READY

    @property
    def serving(self) -> bool:
        """Whether the models answer."""
        return self.phase is not Phase.STARTING

    def why_not(self, model: str) -> str:
        """Why a model does not answer; empty when it does."""
        if model in self.unserved:
            return self.unserved[model]
        if model in self.waiting:
            return "it waits for others to be loaded"
        since = self.loading.get(model)
        return "" if since is None else f"it has been loading for {perf_counter() - since:.0f} seconds"

    def progress(self) -> str:
        """What is being waited for, in words."""
        names = [f"{name} for {perf_counter() - since:.0f} s" for name, since in self.loading.items()]
        parts = [f"{len(self.served)} loaded", f"{len(self.waiting)} waiting"]
        if names:
            parts.insert(0, f"loading {', '.join(names[:10])}")
        if self.unserved:
            parts.append(f"{len(self.unserved)} failed")
        return ", ".join(parts)
