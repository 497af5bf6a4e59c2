"""The models of a source, whichever it is."""

import os
from collections.abc import Mapping

from msgspec.structs import replace

from migrate.core.errors import MigrateError
from migrate.core.text import printable
from migrate.core.values import ContainerLocation, Listing
from migrate.ovhcloud.session import Cloud
from migrate.sources.buckets import list_bucket, list_named
from migrate.sources.folders import list_folder
from migrate.sources.inventory import list_inventory
from migrate.sources.namespaces import list_namespace
from migrate.sources.recognition import Recognise
from migrate.sources.reference import BucketRef, ContainerRef, FolderRef, InventoryRef, NamespaceRef, SourceRef


def needs_cloud(ref: SourceRef) -> bool:
    """Whether listing or fetching the source calls OVHcloud: not with S3 keys, for folders, nor what lies in them."""
    match ref:
        case NamespaceRef() | ContainerRef():
            return True
        case FolderRef() | BucketRef():
            return False
        case InventoryRef():
            try:
                models = list_inventory(ref).models
            except MigrateError:
                return False  # listing it says what is wrong
            return any(isinstance(model.location, ContainerLocation) for model in models)


def list_models(
    ref: SourceRef, cloud: Cloud | None, recognise: Recognise, *, environ: Mapping[str, str] = os.environ
) -> Listing:
    """List the models of a source.

    Args:
        ref: The source.
        cloud: Where OVHcloud's API is; None is enough where ``needs_cloud`` says so.
        recognise: Tells a model's format from a file's name, size and bytes (``formats.recognise``).
        environ: The environment, for S3 keys.

    Raises:
        ConfigurationError: An unknown namespace, container or bucket, ML Serving gone, no S3 keys, or what the session
            raises.
        UsageError: No such folder or file, a broken inventory, or a name that a container and a bucket have.
    """
    match ref:
        case NamespaceRef():
            return list_namespace(_needed(cloud), ref)
        case ContainerRef():
            return _shown(list_named(_needed(cloud), ref, recognise))
        case BucketRef():
            return _shown(list_bucket(ref, recognise, environ))
        case FolderRef():
            return _shown(list_folder(ref.path, ref.canonical, recognise))
        case InventoryRef():
            return list_inventory(ref)


def _shown(listing: Listing) -> Listing:
    """The listing with the names of what is ignored made printable: they may be no Unicode, which JSON cannot hold."""
    ignored = tuple(replace(item, path=printable(item.path, 1024)) for item in listing.ignored)
    return replace(listing, ignored=ignored)


def _needed(cloud: Cloud | None) -> Cloud:
    if cloud is None:
        message = "this source needs a cloud"
        raise ValueError(message)
    return cloud
