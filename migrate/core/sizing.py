"""How large an app shall be, as a person typed it; what is not typed follows from what ML Serving had."""

from typing import Final

from msgspec import Struct

from migrate.core.errors import UsageError

MOST_REPLICAS: Final = 10  # of a fixed strategy, by the guides; no other limit is documented


class Sizing(Struct, frozen=True, kw_only=True):
    """The size of every app of a run; None where it was not typed.

    Attributes:
        replicas: A fixed number of replicas (AI Deploy: ``scalingStrategy.fixed.replicas``).
        cpus: CPUs of one replica, in units of the flavor (``resources.cpu``).
        scale_min: The least replicas when they scale (``scalingStrategy.automatic.replicasMin``).
        scale_max: The most (``replicasMax``).
    """

    replicas: int | None = None
    cpus: int | None = None
    scale_min: int | None = None
    scale_max: int | None = None

    @property
    def scales(self) -> bool:
        """Whether the number of replicas was typed, fixed or not."""
        return any(number is not None for number in (self.replicas, self.scale_min, self.scale_max))

    def typed(self) -> dict[str, int]:
        """What was typed, by name."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: number for name, number in given.items() if number is not None}

    def check(self) -> None:
        """Refuse numbers that contradict each other.

        Raises:
            UsageError: ``usage``.
        """
        if self.replicas is not None and (self.scale_min is not None or self.scale_max is not None):
            raise UsageError(
                "--replicas is a fixed number, and --scale-min and --scale-max let it change.",
                code="usage",
                next_step="Give --replicas, or --scale-min and --scale-max; --help explains them.",
            )
        if self.scale_min is not None and self.scale_max is not None and self.scale_min > self.scale_max:
            raise UsageError(
                f"--scale-min {self.scale_min} is more than --scale-max {self.scale_max}.",
                code="usage",
                next_step="Give a --scale-max that is at least as large; --help explains them.",
            )
