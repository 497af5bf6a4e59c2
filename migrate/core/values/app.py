"""What an app is: what AI Deploy is asked for, and what it has."""

from typing import Literal

from msgspec import Struct


class FixedScaling(Struct, frozen=True, kw_only=True, tag="fixed"):
    """A constant number of replicas (1 to 10)."""

    replicas: int


class AutomaticScaling(Struct, frozen=True, kw_only=True, tag="automatic"):
    """Replicas follow the average use of one resource, in percent."""

    replicas_min: int
    replicas_max: int
    resource: Literal["CPU", "RAM"]
    average_usage_target: int


class AppRequest(Struct, frozen=True, kw_only=True):
    """What will be asked of AI Deploy for one app, and what a person should know about it."""

    name: str
    region: str
    flavor: str
    cpu: int
    scaling: FixedScaling | AutomaticScaling
    labels: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def replicas(self) -> tuple[int, int]:
        """The least and the most replicas."""
        if isinstance(self.scaling, AutomaticScaling):
            return self.scaling.replicas_min, self.scaling.replicas_max
        return self.scaling.replicas, self.scaling.replicas


class App(Struct, frozen=True, kw_only=True):
    """An AI Deploy app. ``url`` has no trailing slash."""

    id: str
    name: str
    url: str
    state: str
    region: str
    image: str
    cpu: int
    replicas: int
    labels: dict[str, str]
