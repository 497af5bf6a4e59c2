"""The names that a journal and this machine know: they get their pseudonyms before any text is looked at."""

import contextlib
import getpass
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from migrate.core.errors import MigrateError
from migrate.core.names import slug
from migrate.core.values import App, BucketLocation, ContainerLocation, FolderLocation, ModelRecord, Parity, PushedImage
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.subjects import model_subject, unit_id
from migrate.migration.run.journals import Opened
from migrate.migration.telling.bundle.redaction import Redactor
from migrate.ovhcloud.config import ENDPOINT_URLS


def learn_names(redactor: Redactor, opened: Opened) -> None:
    """Tells a redactor the names of models, places, projects, apps, hosts and people."""
    journal = opened.journal
    for fact, kind in (("id", "journal"), ("project", "project"), ("source", "source"), ("endpoint", "endpoint")):
        with contextlib.suppress(MigrateError):
            text = journal.fact(fact)
            if fact != "endpoint" or text not in ENDPOINT_URLS:
                redactor.know(kind, text, slug(text))
    for name, state in journal.models().items():
        redactor.know("model", name, slug(name))
        with contextlib.suppress(MigrateError):
            _of_record(redactor, state.record)
    for effect in journal.effects.all():
        redactor.know(effect.kind, effect.external_id)
        redactor.know("name", unit_id(effect.name) if ":" in effect.name else effect.name)
        _address(redactor, effect.text("url"))
        _address(redactor, effect.text("registry"))
        redactor.know("name", effect.text("name"))
    for subject, step in journal.values():
        with contextlib.suppress(MigrateError):
            _of_value(redactor, journal, subject, step)
    redactor.know("path", str(opened.folder.path))
    redactor.know("path", str(opened.folder.path.parents[2]))
    redactor.know("host", socket.gethostname())
    with contextlib.suppress(KeyError, OSError):
        redactor.know("user", getpass.getuser())


def _of_record(redactor: Redactor, record: ModelRecord) -> None:
    redactor.know("source", record.source)
    redactor.know("namespace", record.namespace)
    _address(redactor, record.old_url)
    match record.location:
        case ContainerLocation(container=name, container_id=number, path=path, beside=beside):
            redactor.know("container", name, number)
            _paths(redactor, (path, *beside))
        case BucketLocation(bucket=name, endpoint=endpoint, path=path, beside=beside):
            redactor.know("bucket", name)
            _address(redactor, endpoint)
            _paths(redactor, (path, *beside))
        case FolderLocation(path=path, beside=beside):
            _paths(redactor, (path, *beside))
        case _:
            pass


def _of_value(redactor: Redactor, journal: Journal, subject: str, step: str) -> None:
    match step:
        case "deploy" if (app := journal.get(subject, step, App)) is not None:
            redactor.know("app", app.value.id)
            _address(redactor, app.value.url)
            redactor.know("image", app.value.image)
            for label in app.value.labels.values():
                redactor.know("label", label)
        case "push" if (pushed := journal.get(subject, step, PushedImage)) is not None:
            redactor.know("image", pushed.value.reference, pushed.value.digest)
            _address(redactor, pushed.value.registry)
        case "prove" | "rehearsal-proof" if (parity := journal.get(subject, step, Parity)) is not None:
            for mismatch in parity.value.mismatches:
                redactor.know("tensor", mismatch.tensor)
                redactor.know("sample", mismatch.sample)
        case _:
            pass


def _paths(redactor: Redactor, paths: Iterable[str]) -> None:
    for path in paths:
        redactor.know("path", path)
        redactor.know("path", path.rpartition("/")[2])


def _address(redactor: Redactor, url: str | None) -> None:
    """The host of an address, and the whole of it."""
    if not url:
        return
    with contextlib.suppress(ValueError):
        host = urlsplit(url if "://" in url else f"//{url}").hostname
        redactor.know("host", host)
    redactor.know("url", url)


def units_of(journal: Journal, model: str) -> frozenset[str]:
    """What the journal calls a model: itself, and the units that it is, or was, in."""
    subjects = {model_subject(model), f"unit:{model}"}
    for effect in journal.effects.all():
        wanted: set[object] = set()
        for field in ("models", "wanted"):
            names = effect.intent.get(field)
            wanted |= set(map(str, names)) if isinstance(names, list) else set()
        if model in wanted:
            subjects |= set(effect.units)
    return frozenset(subjects)
