"""Containers of object storage as places where models lie."""

import difflib
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from migrate.core.errors import ConfigurationError, UsageError
from migrate.core.options.sources import ListOptions
from migrate.core.text import printable
from migrate.core.values import ContainerLocation, Listing, ModelRecord
from migrate.ovhcloud import storage
from migrate.ovhcloud.objects import ObjectStore, StoredObject, object_store
from migrate.ovhcloud.session import Cloud
from migrate.sources.recognition import Entry, Recognise, find_models, model_ids
from migrate.sources.reference import ContainerRef

_SHOWN: Final = 10  # containers in a sentence


class ModelObject(Struct, frozen=True):
    """An object of a model and its path relative to the model's folder."""

    path: str
    stored: StoredObject


def list_container(cloud: Cloud, ref: ContainerRef, recognise: Recognise) -> Listing:
    """The models at the first level of a container, or below a prefix.

    Raises:
        ConfigurationError: ``unknown-container``.
        UsageError: ``no-models``: nothing lies at the prefix.
        RemoteError: The listing or a read failed.
    """
    container = find_container(cloud, ref.container, ref.region)
    store = object_store(cloud, container_id=container.id, container=container.name, region=container.region)
    objects = objects_at(store, ref.prefix, expected=container.stored_objects)
    if not objects and ref.prefix:
        raise UsageError(
            f"Nothing in {printable(f'{container.name}@{container.region}')} lies at or below {printable(ref.prefix)}.",
            code="no-models",
            next_step=f"See what lies there: {ListOptions(source=f'{container.name}@{container.region}').command()}",
        )
    whole = {item.path: item.stored.name for item in objects}
    entries = [Entry(item.path, item.stored.size) for item in objects]
    found, ignored = find_models(
        entries, lambda name, offset, length: store.read(whole[name], offset, length), recognise
    )
    single = len(objects) == 1 and objects[0].stored.name == ref.prefix
    models = tuple(
        ModelRecord(
            id=name,
            source=ref.canonical,
            framework="onnx" if model.format == "onnx" else None,
            recognised=model.format,
            location=ContainerLocation(
                region=container.region,
                container=container.name,
                container_id=container.id,
                path=ref.prefix if single else "/".join(part for part in (ref.prefix, model.path) if part),
            ),
        )
        for model, name in model_ids(found, ref.prefix.rpartition("/")[2] or container.name).items()
    )
    return Listing(source=ref.canonical, models=models, ignored=ignored, region=container.region)


def find_container(cloud: Cloud, name: str, region: str) -> storage.Container:
    """The container of that name in that region.

    Raises:
        ConfigurationError: ``unknown-container``, naming those that there are.
    """
    containers = storage.containers(cloud)
    for container in containers:
        if container.name == name and (not region or container.region.upper() == region.upper()):
            return container
    there = sorted(f"{container.name}@{container.region}" for container in containers)
    shown = ", ".join(printable(item, 80) for item in there[:_SHOWN]) + (", …" if len(there) > _SHOWN else "")
    nearest = near(containers, name)
    raise ConfigurationError(
        f"The project has no container {printable(name)}@{printable(region)}.",
        code="unknown-container",
        next_step=f"Did you mean {printable(nearest, 300)}?"
        if nearest
        else f"It has: {shown}."
        if there
        else "It has no containers; check the project's id.",
    )


def near(containers: Iterable[storage.Container], name: str) -> str | None:
    """The container whose name is nearest, as it is typed; None where none is near."""
    names: dict[str, str] = {}
    for container in containers:
        names.setdefault(container.name.casefold(), f"{container.name}@{container.region}")
    found = difflib.get_close_matches(name.casefold(), names, n=1)
    return names[found[0]] if found else None


def objects_at(store: ObjectStore, path: str, *, expected: int | None = None) -> tuple[ModelObject, ...]:
    """The objects that ``path`` means: the object of that name, or else everything under ``path/``.

    An empty path is the whole container. Directory markers are left out: empty objects whose name ends in a slash,
    whose type is application/directory, or under whose name others lie.
    """
    path = path.strip("/")
    listed = store.list(path, expected=expected)
    names = {item.name for item in listed}
    above = {name[:index] for name in names for index, character in enumerate(name) if character == "/"}
    real = [item for item in listed if not _is_marker(item, above)]
    if path:
        exact = [ModelObject(item.name.rpartition("/")[2], item) for item in real if item.name == path]
        if exact:
            return tuple(exact)
    start = f"{path}/" if path else ""
    return tuple(ModelObject(item.name[len(start) :], item) for item in real if item.name.startswith(start))


def _is_marker(item: StoredObject, above: set[str]) -> bool:
    if item.size:
        return False
    return item.name.endswith("/") or item.content_type.startswith("application/directory") or item.name in above
