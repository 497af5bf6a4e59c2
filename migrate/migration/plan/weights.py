"""What runtimes weigh, as `make bench-images` measured them (benchmarks/README.md), and what apps will take."""

from typing import Final

from msgspec import Struct

_MB: Final = 1_000_000
_OF_A_MODEL: Final = 3  # bytes of memory for one of its files: what is read, what it becomes, what an answer takes
_SPARE: Final = 1.25


class Weight(Struct, frozen=True):
    """A runtime without a model.

    Attributes:
        image: Bytes of its layers over the base's, compressed.
        memory: Bytes that the server's process holds when it is ready, with a small model.
        cold_start: Seconds from the start of the container until it is ready, its image on the machine.
        build: Seconds to build it from nothing.
    """

    image: int
    memory: int
    cold_start: float
    build: float


# Two virtual CPUs, November 2026; a runtime that is not here was not measured.
_MEASURED: Final = {
    "processors": Weight(26 * _MB, 48 * _MB, 0.38, 4.5),
    "onnx": Weight(41 * _MB, 78 * _MB, 0.49, 5.9),
    "tokenizers": Weight(29 * _MB, 54 * _MB, 0.36, 5.9),
    "pmml": Weight(72 * _MB, 152 * _MB, 1.39, 8.1),
    "torch": Weight(173 * _MB, 250 * _MB, 1.60, 28.3),
    "transformers": Weight(229 * _MB, 368 * _MB, 3.63, 46.7),
    "fastai": Weight(305 * _MB, 415 * _MB, 2.89, 64.4),
    "tensorflow": Weight(239 * _MB, 500 * _MB, 2.12, 34.3),
    "keras": Weight(246 * _MB, 528 * _MB, 2.56, 34.9),
}


def weight(runtime: str) -> Weight | None:
    """What a runtime weighs; None where nobody measured it."""
    return _MEASURED.get(runtime)


def memory_of(runtime: str, sizes: list[int], measured: list[int | None]) -> int | None:
    """The memory that models take in one server, in bytes; None where their runtime was not measured.

    Args:
        runtime: Their runtime.
        sizes: Bytes of each model.
        measured: What a rehearsal of each alone held, where there was one.
    """
    known = weight(runtime)
    if known is None:
        return None
    more = [
        max(0, held - known.memory) if held is not None else size * _OF_A_MODEL
        for size, held in zip(sizes, measured, strict=True)
    ]
    return int((known.memory + sum(more)) * _SPARE)
