"""A flow: its steps' own references one after another, whose tensors accumulate by name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .rules import Loaded, RefusedError, Request, window_of

Load = Callable[[Mapping[str, Any], Path], Loaded]


def load(settings: Mapping[str, Any], root: Path, load_step: Load) -> Loaded:
    """The steps; what is not an output of the flow is dropped at the end."""
    steps = [load_step(step, root) for step in settings["flow"]["steps"]]
    fields = settings["outputs"]
    names = [name for one in fields for name in (one["name"], *(column["name"] for column in one.get("fields") or ()))]

    def answer(request: Request) -> dict[str, Any]:
        rows = [len(value) if isinstance(value, list) else 1 for value in request.values()]
        if max(rows, default=0) < window_of(settings):
            raise RefusedError(f"fewer rows than {window_of(settings)}")
        tensors = dict(request)
        for step in steps:
            tensors |= step.answer(tensors)
        return {name: tensors[name] for name in names if name in tensors}

    return Loaded(answer)
