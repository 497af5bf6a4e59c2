"""Inventory files: what ML Serving's API answered, kept as JSON by a customer or by support.

The form is the API's own (contract: Old API), with each answer under a name::

    {
      "namespace": { ... GET /ai/serving/{namespaceId} ... },
      "models":    [ ... GET /ai/serving/{namespaceId}/model ... ],
      "tokens":    [ ... GET /ai/serving/{namespaceId}/token ... ],              optional
      "flavors":   [ ... GET /ai/capabilities/serving/flavor ... ]               optional
    }

Needed are ``namespace.id`` and each model's ``id``. A model's files lie at its
``workflowTemplateParameters.storagePath``, in the first of these places that exists:

1. the folder beside the inventory file that is named like ``namespace.container``;
2. the folder that the inventory file lies in, when the storage path exists there;
3. the container ``namespace.container`` (in ``namespace.region``) of the project.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from migrate.core.errors import RefusedError, UsageError
from migrate.core.text import printable
from migrate.core.values import ContainerLocation, FolderLocation, Listing
from migrate.ovhcloud import serving
from migrate.sources.namespaces import records
from migrate.sources.paths import inside
from migrate.sources.reference import InventoryRef


class Inventory(Struct, frozen=True):
    """The content of an inventory file."""

    namespace: serving.Namespace
    models: tuple[serving.Model, ...]
    tokens: tuple[serving.Token, ...] = ()
    flavors: tuple[serving.Flavor, ...] = ()


def read_inventory(path: Path) -> Inventory:
    """Read an inventory file.

    Raises:
        UsageError: ``no-such-file`` or ``bad-inventory``, saying where in the file.
    """
    shown = printable(str(path), 300)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Inventory)
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {shown}.", code="no-such-file", next_step="Check the path.") from error
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {error.strerror}.", code="no-such-file") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{shown} is no inventory: {printable(str(error), 300)}.",
            code="bad-inventory",
            next_step='Its form is {"namespace": {...}, "models": [...], "tokens": [...]}, as ML Serving answered.'
            if path.suffix.lower() == ".json"
            else f"Of models on this machine the source is their folder: name {printable(str(path.parent), 300)}",
        ) from error


def list_inventory(ref: InventoryRef) -> Listing:
    """The models that an inventory file describes; nothing is asked of the API."""
    inventory = read_inventory(ref.path)
    namespace = inventory.namespace

    def locate(path: str) -> ContainerLocation | FolderLocation:
        local = _local(ref.path.parent, namespace.container, path)
        if local is not None:
            return FolderLocation(path=str(local))
        return ContainerLocation(
            region=namespace.region, container=namespace.container, container_id=namespace.container_id, path=path
        )

    flavors = {flavor.id: flavor for flavor in inventory.flavors}
    return Listing(
        source=ref.canonical,
        models=records(inventory.models, inventory.tokens, flavors, namespace.id, ref.canonical, locate),
        region=namespace.region or None,
    )


def _local(beside: Path, container: str, path: str) -> Path | None:
    """Where the storage path lies on this machine, or None; it never leaves the inventory's folder."""
    names = [f"{container}/{path.strip('/')}".strip("/")] if container else []
    if path.strip("/"):
        names.append(path.strip("/"))
    for name in names:
        try:
            candidate = inside(beside, name)
        except RefusedError:
            continue
        if candidate.exists() and candidate.resolve().is_relative_to(beside.resolve()):
            return candidate.resolve()
    return None
