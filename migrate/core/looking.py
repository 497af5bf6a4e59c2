"""What the commands that look answer with: places, the state of a source, the story of a model."""

from typing import Final

from msgspec import Struct

from migrate.core.codes.blame import Cause
from migrate.core.values import Outcome

GONE: Final = "gone"
"""What is said of an app that AI Deploy does not have any more."""


class Place(Struct, frozen=True, kw_only=True):
    """Something of the project that may hold models: ``source`` is what to type."""

    kind: str
    source: str
    objects: int | None = None
    size: int | None = None
    text: str = ""


class Places(Struct, frozen=True, kw_only=True):
    """The places of a project. ``serving`` says why there are no namespaces, ``buckets`` why no buckets, if so."""

    project: str
    places: tuple[Place, ...]
    serving: str = ""
    buckets: str = ""


class AppState(Struct, frozen=True, kw_only=True):
    """An app that the journal knows: ``state`` is what AI Deploy says now, ``gone``, or None when nobody was asked."""

    id: str
    unit: str
    models: tuple[str, ...]
    url: str
    cpu: int
    replicas: int
    state: str | None

    @property
    def exists(self) -> bool:
        """Whether it is billed, as far as is known."""
        return self.state != GONE


class SourceState(Struct, frozen=True, kw_only=True):
    """A source as its journal has it."""

    source: str
    project: str
    run: str
    journal: str
    last: str
    models: tuple[Outcome, ...]
    unknown: tuple[str, ...]
    apps: tuple[AppState, ...]
    left: tuple[str, ...]
    asked: bool
    problem: str = ""


class UnreadSource(Struct, frozen=True, kw_only=True):
    """A source whose journal cannot be read: the error's code, what happened, and what to do."""

    journal: str
    code: str
    what: str
    next_step: str


class Sources(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every source that has a journal, of the project and the endpoint where one was named.

    ``asked_of`` says which were named, and ``elsewhere`` of which others something is known; empty where nothing is.
    """

    sources: tuple[SourceState, ...]
    unread: tuple[UnreadSource, ...] = ()
    asked_of: str = ""
    elsewhere: str = ""


class StepDone(Struct, frozen=True, kw_only=True):
    """A step that has a value, and when it got it."""

    step: str
    at: str
    text: str


class Contact(Struct, frozen=True, kw_only=True):
    """A host that commands contact.

    Attributes:
        host: With a port where it is not the scheme's own; in brackets, who will name it.
        why: What is asked of it.
        commands: Which commands ask.
        via: ``direct``, ``proxy HOST``, or ``the engine``, which has settings of its own.
    """

    host: str
    why: str
    commands: tuple[str, ...]
    via: str


class Contacts(Struct, frozen=True, kw_only=True):
    """Every host that commands about a source contact."""

    contacts: tuple[Contact, ...]


class Moment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened: the number of the run it was in, the step, and the query id where there is one."""

    at: str
    text: str
    run: int | None = None
    step: str = ""
    query_id: str = ""


class Story(Struct, frozen=True, kw_only=True):
    """What happened to one model: whose it is, the evidence, and what to do next.

    ``whose`` is where the cause lies (``core.codes.blame``), None where the model is done or was not run.
    """

    model: str
    source: str
    old_url: str | None
    files: str
    outcome: Outcome | None
    whose: Cause | None
    steps: tuple[StepDone, ...]
    events: tuple[str, ...]
    timeline: tuple[Moment, ...]
    evidence: tuple[str, ...]
    effects: tuple[str, ...]
    query_ids: tuple[str, ...]
    next_step: str


class BundleFile(Struct, frozen=True, kw_only=True):
    """A file of a bundle: its size in bytes, and what is in it."""

    name: str
    size: int
    about: str


class Removed(Struct, frozen=True, kw_only=True):
    """What a rule took out of a bundle, how often, and what stands in its place."""

    rule: str
    about: str
    instead: str
    times: int


class Bundled(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A bundle that was written to ``path``; ``removed`` and ``names`` only where they were asked for."""

    path: str
    size: int
    files: tuple[BundleFile, ...]
    removed: tuple[Removed, ...] = ()
    names: dict[str, str] = {}


class HandedOver(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A case in a file: whose it is, and how many rows of a journal it holds; ``taken`` where it was taken over."""

    file: str
    source: str
    project: str
    endpoint: str
    rows: int
    taken: bool = False
