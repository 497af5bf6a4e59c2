"""What runtimes weigh, as `make bench-images` measured them (benchmarks/README.md), and what apps will take."""

import re
from functools import cache
from typing import Final

from msgspec import Struct

from migrate.images.runtime.templates import template_of

_MB: Final = 1_000_000
_OF_A_MODEL: Final = 3  # bytes of memory for one of its files: what is read, what it becomes, what an answer takes
_SPARE: Final = 1.25
_PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


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


@cache
def weight(runtime: str) -> Weight | None:
    """What a runtime weighs, or several in one image; None where one of them was not measured.

    Of several, the heaviest counts whole, and each other one counts without the packages that are there already:
    without what the heaviest measured runtime weighs that is made of these packages alone.

    Args:
        runtime: A runtime, or several joined by ``+``.
    """
    parts = runtime.split("+")
    if not _MEASURED.keys() >= set(parts):
        return None
    first, *others = sorted(parts, key=lambda name: -_MEASURED[name].image)
    total, there = _MEASURED[first], _packages(first)
    for part in others:
        known, twice = _MEASURED[part], _packages(part) & there
        shared = max((one for name, one in _MEASURED.items() if _packages(name) <= twice), key=lambda one: one.image)
        total = Weight(
            image=total.image + known.image - shared.image,
            memory=total.memory + known.memory - shared.memory,
            cold_start=round(total.cold_start + max(0.0, known.cold_start - shared.cold_start), 2),
            build=round(total.build + max(0.0, known.build - shared.build), 1),
        )
        there |= _packages(part)
    return total


@cache
def _packages(runtime: str) -> frozenset[str]:
    """The names of a runtime's packages."""
    (lock,) = template_of(runtime).locks
    return frozenset(_PINNED.findall(lock.read_text(encoding="utf-8")))


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
