"""Documents that belong to an image, such as its bill of materials, kept beside it in the registry.

Each is a manifest of its own that names the image as its subject (OCI image specification 1.1, "Guidelines for
Artifact Usage"). A registry that lists such manifests says so when one is pushed; in any other, clients keep the list
themselves: an index under a tag that is made of the image's digest (OCI distribution specification 1.1, "Referrers Tag
Schema").
"""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any, Final

import msgspec

from migrate.core.errors import LocalError
from migrate.core.text import type_again
from migrate.core.values import Descriptor
from migrate.images.registry.blobs import push_blobs
from migrate.images.registry.client import INDEXES, MANIFESTS, digest_of
from migrate.images.registry.image import put
from migrate.images.registry.source import Blob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migrate.images.registry.client import RegistryClient
    from migrate.images.registry.source import Stream

MANIFEST: Final = MANIFESTS[0]
INDEX: Final = INDEXES[0]
_NOTHING: Final = b"{}"
_EMPTY: Final = Descriptor(
    media_type="application/vnd.oci.empty.v1+json", digest=digest_of(_NOTHING), size=len(_NOTHING)
)
_TRIES: Final = 5
"""How often the list is written again where another client wrote it at the same moment."""

_turn: Final = threading.Lock()
"""Registries change a tag without a condition, so that one of two clients may undo the other's change."""


def attach(
    client: RegistryClient,
    subject: Descriptor,
    artifact_type: str,
    media_type: str,
    data: bytes,
    annotations: Mapping[str, str],
) -> Descriptor:
    """Keep a document beside an image; the same one again changes nothing.

    Args:
        client: The image's repository, ``pushing``.
        subject: The image's manifest or index.
        artifact_type: What the document is for, such as ``application/vnd.cyclonedx+json``.
        media_type: What its bytes are.
        data: Its bytes.
        annotations: What else is said of it.

    Returns:
        The manifest that names the document and the image.

    Raises:
        LocalError: As ``push_image``; ``push-failed`` too where other clients write the list at the same moments.
        Interrupted: The client's ``stop`` was set.
    """
    document = Descriptor(media_type=media_type, digest=digest_of(data), size=len(data))
    blobs = [_in_memory(_EMPTY, _NOTHING), _in_memory(document, data)]
    push_blobs(client, blobs, progress=lambda _done, _all: None)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": _described(_EMPTY),
        "layers": [_described(document)],
        "subject": _described(subject),
        **({"annotations": dict(sorted(annotations.items()))} if annotations else {}),
    }
    found, listed = put(client, msgspec.json.encode(manifest), MANIFEST, None)
    if listed != subject.digest and _listed(client, subject.digest) is None:
        entry = {**_described(found), "artifactType": artifact_type}
        if annotations:
            entry["annotations"] = manifest["annotations"]
        _list(client, subject.digest, entry)
    return found


def referrers(client: RegistryClient, digest: str) -> list[dict[str, Any]]:
    """The descriptors of the manifests that name an image as their subject, whichever way the registry keeps them.

    Args:
        client: The image's repository.
        digest: The image's.

    Raises:
        LocalError: As ``RegistryClient.image``.
    """
    listed = _listed(client, digest)
    return _entries(client, digest)[0] if listed is None else listed


def _listed(client: RegistryClient, digest: str) -> list[dict[str, Any]] | None:
    """What the registry lists, or None where it keeps no such list."""
    answer = client.ask("GET", f"{client.repository}/referrers/{digest}", headers={"Accept": INDEX})
    if answer.status != 200 or not answer.header("Content-Type").startswith(INDEX):
        return None
    return _manifests(client, answer.content)


def _list(client: RegistryClient, digest: str, entry: dict[str, Any]) -> None:
    """Add a manifest to the list that clients keep, and see that it stays there."""
    with _turn:
        for _ in range(_TRIES):
            entries, index = _entries(client, digest)
            if any(known.get("digest") == entry["digest"] for known in entries):
                return
            index = {**index, "manifests": [*entries, entry]}
            put(client, msgspec.json.encode(index), INDEX, _tag(digest))
    if not any(known.get("digest") == entry["digest"] for known in _entries(client, digest)[0]):
        raise LocalError(
            f"Other clients keep changing the list of what belongs to {client.repository}@{digest}.",
            code="push-failed",
            next_step=type_again(),
        )


def _entries(client: RegistryClient, digest: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The list that clients keep, and the index that it is in."""
    content = client.manifest(_tag(digest))
    if content is None:
        return [], {"schemaVersion": 2, "mediaType": INDEX}
    return _manifests(client, content), msgspec.json.decode(content, type=dict[str, Any])


def _manifests(client: RegistryClient, content: bytes) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(content, type=_Index).manifests
    except msgspec.MsgspecError as error:
        raise client.failed("its list of what belongs to an image is none") from error


class _Index(msgspec.Struct):
    manifests: list[dict[str, Any]]


def _tag(digest: str) -> str:
    return digest.replace(":", "-")


def _described(descriptor: Descriptor) -> dict[str, Any]:
    return {"mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size}


def _in_memory(descriptor: Descriptor, data: bytes) -> Blob:
    def opened(offset: int) -> Stream:
        return io.BytesIO(data[offset:])

    return Blob(descriptor=descriptor, open=opened)
