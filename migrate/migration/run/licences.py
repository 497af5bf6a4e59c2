"""PMML's two engines: PMML4S (Apache-2.0) by default, JPMML (AGPL-3.0) where the user accepts its licence."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from msgspec.structs import replace

from migrate.core.errors import NeedsYouError
from migrate.core.model_json import NO_MODEL
from migrate.core.options.shared import ACCEPT_AGPL
from migrate.core.text import printable
from migrate.core.values import Inspection
from migrate.formats.pmml.model import NOT_COMPUTED

_FREE: Final = "pmml"  # the runtime, its engine and the format
_AGPL: Final = "jpmml"
_SERVED: Final[Mapping[str | None, str]] = {
    _FREE: "served by PMML4S, which is licensed under Apache-2.0",
    _AGPL: f"served by JPMML, which is licensed under AGPL-3.0, as {ACCEPT_AGPL.name} accepts",
}
_INSTEAD: Final[Mapping[str | None, str]] = {
    _FREE: f"PMML4S does not load this file. Try {ACCEPT_AGPL.name}: PMML is then served by JPMML, which is licensed "
    "under AGPL-3.0.",
    _AGPL: f"JPMML does not load this file. Leave out {ACCEPT_AGPL.name}: PMML is then served by PMML4S.",
}
_WRONG: Final[Mapping[str | None, str]] = {
    _FREE: f"PMML4S does not answer this file right. Try {ACCEPT_AGPL.name}: PMML is then served by JPMML, which is "
    "licensed under AGPL-3.0.",
    _AGPL: f"JPMML does not answer this file right. Leave out {ACCEPT_AGPL.name}: PMML is then served by PMML4S. Where "
    "neither does, the file does not say what was trained: export it again in another way, or give answers of your own "
    "with --samples.",
}
_NOT_LOADED: Final = frozenset({"reference-failed", "rehearsal-failed"})
_NOT_RIGHT: Final = frozenset({"verification-differs", "no-sample-accepted", "reference-timeout"})


def under_licences(inspection: Inspection, *, accept_agpl: bool) -> Inspection:
    """The inspection with the engine that serves it: PMML's is another one where the AGPL is accepted."""
    if inspection.runtime != _FREE:
        return inspection
    settings = inspection.settings
    runtime = _AGPL if accept_agpl else _FREE
    if accept_agpl and settings is not NO_MODEL:
        settings = replace(settings, engine=_AGPL, jpmml=settings.pmml, pmml=None)
    if not accept_agpl and not NOT_COMPUTED.isdisjoint(inspection.differs):
        words = ", ".join(sorted(NOT_COMPUTED.intersection(inspection.differs)))
        return replace(
            inspection,
            runtime=None,
            verdict="needs-attention",
            reason="pmml-engine",
            text=f"PMML4S, which serves PMML, does not compute this file: it has {words}.",
            task=f"Try {ACCEPT_AGPL.name}: PMML is then served by JPMML, which is licensed under AGPL-3.0.",
            settings=NO_MODEL,
        )
    doubt = () if accept_agpl else _doubt(inspection.differs)
    return replace(inspection, runtime=runtime, settings=settings, notes=(*inspection.notes, *doubt, _SERVED[runtime]))


def _doubt(differs: Sequence[str]) -> tuple[str, ...]:
    if not differs:
        return ()
    words = ", ".join(map(printable, differs))
    note = f"PMML4S is known to answer otherwise, or not at all, where a file has {words}: compare it with answers of "
    return (f"{note}your own (--samples), or try {ACCEPT_AGPL.name}",)


def served_by(runtime: str | None) -> str:
    """Which engine serves a runtime, and its licence, where there are two of them; else nothing."""
    return _SERVED.get(runtime, "")


def planned(*words: str | None, accept_agpl: bool) -> tuple[str, ...]:
    """The same for a model of which only words are known: ML Serving's for its framework, and what its name tells."""
    return (_SERVED[_AGPL if accept_agpl else _FREE],) if _FREE in words else ()


def other_engine(runtime: str | None) -> str:
    """What to try where the engine of this runtime does not load a file, or nothing."""
    return _INSTEAD.get(runtime, "")


@contextmanager
def naming_the_other(runtime: str) -> Iterator[None]:
    """Lets a refusal to load a PMML file say which other engine may load it.

    Raises:
        NeedsYouError: The one that was raised within, with that next step where it is of use.
    """
    try:
        yield
    except NeedsYouError as error:
        advice = other_engine(runtime) if error.code in _NOT_LOADED else ""
        advice = _WRONG.get(runtime, "") if error.code in _NOT_RIGHT else advice
        if advice:
            raise NeedsYouError(error.what, code=error.code, next_step=advice) from error
        raise
