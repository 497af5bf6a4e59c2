"""Packages that import far more than serving takes: each is made whole when something asks for more than that.

An import of TensorFlow loads two thousand modules, of which a SavedModel needs five hundred. A deferred package is in
``sys.modules`` without having run; its modules can be imported one by one, and the first use of anything else of it
runs it as if it had been imported then. Nothing is replaced and nothing is missing, it only comes later.
"""

import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any, Final

_turn: Final = RLock()


class _Deferred(ModuleType):
    """A package that has not run yet."""

    def __getattr__(self, name: str) -> Any:
        complete(self.__dict__["__name__"])
        return getattr(self, name)


def defer(name: str, *, modules: bool = True, known: Mapping[str, object] | None = None) -> None:
    """Let the import of a package do nothing until it is used; one that has been imported stays as it is.

    Args:
        name: The package's.
        modules: Whether its modules can be imported without running it; otherwise the first one runs it.
        known: What it has before it runs.

    Raises:
        ModuleNotFoundError: There is no such package.
    """
    with _turn:
        if name in sys.modules:
            return
        spec = _found(name)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        module = module_from_spec(spec)
        if not modules:
            module.__dict__.pop("__path__", None)
        module.__dict__.update(known or {})
        module.__class__ = _Deferred
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], last, module)


def _found(name: str) -> ModuleSpec | None:
    """Where a module is; a package above it is not run for that, as ``find_spec`` would."""
    parent, _, _ = name.rpartition(".")
    if not parent:
        return find_spec(name)
    above = sys.modules[parent].__spec__ if parent in sys.modules else _found(parent)
    return None if above is None else PathFinder.find_spec(name, above.submodule_search_locations)


def is_complete(name: str) -> bool:
    """Whether a package was not deferred, or has run since; one that runs now is waited for."""
    with _turn:
        return not isinstance(sys.modules[name], _Deferred)


def complete(name: str) -> bool:
    """Run a package that was deferred, and say whether it was; others are left alone."""
    with _turn:
        if not isinstance(sys.modules[name], _Deferred):
            return False
        module: Any = sys.modules[name]
        spec: Any = module.__spec__
        module.__class__ = ModuleType
        if spec.submodule_search_locations is not None:
            module.__path__ = spec.submodule_search_locations
        spec.loader.exec_module(module)
        return True
