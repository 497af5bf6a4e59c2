"""What each operator of TensorFlow may do to whoever runs it; the lists are made by a script from TensorFlow itself."""

from functools import cache
from importlib.resources import files
from typing import Final, Literal

TENSORFLOW: Final = "2.21.0"

Group = Literal["allowed", "checkpoint", "vocabulary", "hazard", "early", "elsewhere", "unknown"]
_GROUPS: Final[dict[str, Group]] = {
    "[allowed]": "allowed",
    "[checkpoint]": "checkpoint",
    "[vocabulary]": "vocabulary",
    "[hazard]": "hazard",
    "[early]": "early",
    "[elsewhere]": "elsewhere",
}


def group_of(operator: str) -> Group:
    """How far an operator reaches.

    ``allowed`` is pure computation, ``checkpoint`` and ``vocabulary`` read the model's own files when they are where a
    loader puts them, ``hazard`` and ``early`` reach further, ``elsewhere`` runs on other devices than CPUs only, and
    ``unknown`` is none of TensorFlow's. An operator is ``early`` when TensorFlow computes it while it reads a graph, to
    know a shape: it has no state of its own.
    """
    return _table().get(operator, "unknown")


@cache
def _table() -> dict[str, Group]:
    text = files("migrate.formats.tensorflow").joinpath("operators.txt").read_text(encoding="utf-8")
    found: dict[str, Group] = {}
    group: Group = "unknown"
    for line in text.splitlines():
        if line.startswith("["):
            group = _GROUPS[line]
        elif not line.startswith("#"):
            found |= dict.fromkeys(line.split(), group)
    return found
