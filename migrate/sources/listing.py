"""The models of a source, whichever it is."""

import os
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from migrate.core.errors import MigrateError, UsageError
from migrate.core.text import printable
from migrate.core.values import ContainerLocation, Listing, ModelRecord
from migrate.ovhcloud.session import Cloud
from migrate.sources.buckets import list_bucket, list_named
from migrate.sources.containers import Recall, read_anew
from migrate.sources.folders import list_folder
from migrate.sources.inventory import list_inventory
from migrate.sources.namespaces import list_namespace
from migrate.sources.recognition import Recognise
from migrate.sources.reference import BucketRef, ContainerRef, FolderRef, InventoryRef, NamespaceRef, SourceRef

_SHOWN: Final = 5  # ids in a sentence


def needs_cloud(ref: SourceRef) -> bool:
    """Whether listing or fetching the source calls OVHcloud: not with S3 keys, for folders, nor what lies in them."""
    match ref:
        case NamespaceRef() | ContainerRef():
            return True
        case FolderRef() | BucketRef():
            return False
        case InventoryRef():
            try:
                models = known_models(ref)
            except MigrateError:
                return False  # listing it says what is wrong
            return any(isinstance(model.location, ContainerLocation) for model in models)


def known_models(ref: SourceRef) -> tuple[ModelRecord, ...]:
    """The models that an inventory file tells; of any other source none are known before it is listed.

    Raises:
        UsageError: There is no such file, or it is broken.
    """
    return list_inventory(ref).models if isinstance(ref, InventoryRef) else ()


def list_models(
    ref: SourceRef,
    cloud: Cloud | None,
    recognise: Recognise,
    *,
    environ: Mapping[str, str] = os.environ,
    recall: Recall = read_anew,
) -> Listing:
    """List the models of a source.

    Args:
        ref: The source.
        cloud: Where OVHcloud's API is; None is enough where ``needs_cloud`` says so.
        recognise: Tells a model's format from a file's name, size and bytes (``formats.recognise``).
        environ: The environment, for S3 keys.
        recall: Tells the models of a container or bucket in which nothing has changed; see ``list_store``.

    Raises:
        ConfigurationError: An unknown namespace, container or bucket, ML Serving gone, no S3 keys, or what the session
            raises.
        UsageError: No such folder or file, a broken inventory, a name that a container and a bucket have, or
            ``same-id``.
    """
    listing = _list(ref, cloud, recognise, environ, recall)
    return replace(listing, models=_each_once(listing.models, listing.source))


def _list(
    ref: SourceRef, cloud: Cloud | None, recognise: Recognise, environ: Mapping[str, str], recall: Recall
) -> Listing:
    match ref:
        case NamespaceRef():
            return list_namespace(_needed(cloud), ref)
        case ContainerRef():
            return _shown(list_named(_needed(cloud), ref, recognise, recall=recall))
        case BucketRef():
            return _shown(list_bucket(ref, recognise, environ, cloud, recall=recall))
        case FolderRef():
            return _shown(list_folder(ref.path, ref.canonical, recognise))
        case InventoryRef():
            return list_inventory(ref)


def _each_once(models: tuple[ModelRecord, ...], source: str) -> tuple[ModelRecord, ...]:
    """The models by their ids, in their order: everything later knows a model by its id alone.

    A record that is there twice, as in a page of an answer that came twice, is one model.

    Raises:
        UsageError: Different models have one id.
    """
    records: dict[str, list[ModelRecord]] = {}
    for model in models:
        same = records.setdefault(model.id, [])
        if model not in same:
            same.append(model)
    doubled = {name: same for name, same in records.items() if len(same) > 1}
    if doubled:
        shown = [_called(name, same) for name, same in list(doubled.items())[:_SHOWN]]
        more = f", and so on for {len(doubled) - _SHOWN} more ids" if len(doubled) > _SHOWN else ""
        raise UsageError(
            f"In {printable(source, 300)}, {', '.join(shown)}{more}.",
            code="same-id",
            next_step="Give each model an id of its own in an inventory file; where its files lie does not change.",
        )
    return tuple(same[0] for same in records.values())


def _called(name: str, models: list[ModelRecord]) -> str:
    places = list(dict.fromkeys(_place(model) for model in models))
    what = ", ".join(places[:_SHOWN]) + (", …" if len(places) > _SHOWN else "")
    return f"{'two' if len(models) == 2 else len(models)} models are called {printable(name)} ({what})"


def _place(model: ModelRecord) -> str:
    return "no files" if model.location is None else printable(model.location.words)


def _shown(listing: Listing) -> Listing:
    """The listing with the names of what is ignored made printable: they may be no Unicode, which JSON cannot hold."""
    ignored = tuple(replace(item, path=printable(item.path, 1024)) for item in listing.ignored)
    return replace(listing, ignored=ignored)


def _needed(cloud: Cloud | None) -> Cloud:
    if cloud is None:
        message = "this source needs a cloud"
        raise ValueError(message)
    return cloud
