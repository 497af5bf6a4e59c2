"""How apps end that are told to: in the words that the sandbox's own apps have when the same happens to them."""

from typing import Final, Literal

from msgspec import Struct

from migrate.sandbox.base.faults import AppFailed, Cause


class Ending(Struct, frozen=True, kw_only=True):
    """What is seen of an app that failed: ``{image}`` stands for its image."""

    message: str
    state: Literal["FAILED", "ERROR"] = "FAILED"
    log: tuple[str, ...] = ()


_DEFAULT: Final = Ending(message="The sandbox was told to let this app fail")
_ENDINGS: Final[dict[Cause, Ending]] = {
    "image": Ending(message="The image {image} cannot be pulled: manifest unknown"),
    "architecture": Ending(
        message="The image is for linux/arm64; AI Deploy runs linux/amd64",
        log=("exec /usr/bin/python3: exec format error",),
    ),
    "probe": Ending(message="The probe GET :8080/health/ready never passed: status 503"),
    "memory": Ending(message="The container was killed: it used more than its 4096 MiB of memory"),
    "crash": Ending(message="The container ended with exit code 1: the model cannot be loaded"),
    "quota": Ending(message="The project's quota of 0 CPU is reached: 0 in use, 1 asked for"),
    "platform": Ending(message="A node of the platform was lost", state="ERROR"),
}


def ending_of(fault: AppFailed, image: str) -> Ending:
    """How an app of this image ends by a fault."""
    known = _ENDINGS[fault.cause] if fault.cause is not None else _DEFAULT
    return Ending(
        message=fault.message or known.message.replace("{image}", image),
        state=known.state if fault.cause is not None else fault.state,
        log=(*fault.log, *known.log),
    )
