"""What a person types as SOURCE, parsed."""

import os
import re
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote

from msgspec import Struct

from migrate.core.errors import UsageError
from migrate.core.text import printable

_NAMED: Final = re.compile(
    r"(?:(?P<kind>swift|s3):)?(?P<container>[^/]+)@(?P<region>[A-Za-z][A-Za-z0-9-]{0,31})(?:/(?P<prefix>.*))?"
)
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")

_BUCKET: Final = re.compile(r"s3://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,62})(?:/(?P<prefix>.*))?", re.DOTALL)
_SWIFT_URL: Final = re.compile(
    r"https?://storage\.(?P<region>[a-z][a-z0-9-]*)\.cloud\.ovh\.\w+/v1/AUTH_\w+/(?P<name>[^/?#]+)/?(?P<prefix>[^?#]*)",
    re.IGNORECASE,
)
_S3_URL: Final = re.compile(r"(?P<host>https?://s3[.-][^/?#]+)/(?P<name>[^/?#]+)/?(?P<prefix>[^?#]*)", re.IGNORECASE)

FORMS: Final = (
    "SOURCE is one of: a namespace id; NAME@REGION[/PREFIX] for a container or an S3 bucket of the project, such as "
    "models@GRA/iris; s3://BUCKET[/PREFIX] for a bucket anywhere; a folder, such as ./models; an inventory file, such "
    "as ./inventory.json."
)


Kind = Literal["", "swift", "s3"]
"""What a name of the project was said to be: a Swift container, an S3 bucket, or, empty, whichever there is."""


class NamespaceRef(Struct, frozen=True):
    """A namespace of ML Serving."""

    id: str

    @property
    def canonical(self) -> str:
        """The namespace's id."""
        return self.id


class ContainerRef(Struct, frozen=True):
    """A Swift container or an S3 bucket of the project, or what lies under a prefix in it.

    ``kind`` is which of the two was typed; empty for whichever there is.
    """

    container: str
    region: str
    prefix: str = ""
    kind: Kind = ""

    @property
    def canonical(self) -> str:
        """``[kind:]name@REGION[/prefix]`` with the region in capitals and no slashes at the prefix's ends."""
        start = f"{self.kind}:" if self.kind else ""
        return f"{start}{self.container}@{self.region}" + (f"/{self.prefix}" if self.prefix else "")


class BucketRef(Struct, frozen=True):
    """A bucket that is reached with S3 keys, or what lies under a prefix in it."""

    bucket: str
    prefix: str = ""

    @property
    def canonical(self) -> str:
        """``s3://bucket[/prefix]`` with no slashes at the prefix's ends."""
        return f"s3://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


class FolderRef(Struct, frozen=True):
    """A folder on this machine, absolute."""

    path: Path

    @property
    def canonical(self) -> str:
        """The absolute path."""
        return str(self.path)


class InventoryRef(Struct, frozen=True):
    """An inventory file, absolute: what ML Serving's API answered, as JSON."""

    path: Path

    @property
    def canonical(self) -> str:
        """The absolute path."""
        return str(self.path)


SourceRef = NamespaceRef | ContainerRef | BucketRef | FolderRef | InventoryRef


def parse_source(text: str) -> SourceRef:
    """Tell the forms apart: a scheme, then what exists on this machine, then ``@``, then a namespace id.

    A text that looks like a path is a folder (or, ending in ``.json``, an inventory) even if nothing is there any
    more, so that ``status`` and ``why`` still find its journal.

    Raises:
        UsageError: ``bad-source``.
    """
    if not text.strip() or "\0" in text:
        raise UsageError("The source is empty.", code="bad-source", next_step=FORMS)
    if "://" in text:
        return _bucket(text)
    named = _NAMED.fullmatch(text)
    if named and named["kind"]:
        return _named(named)
    path, kind = _look(text)
    if kind == "folder":
        return FolderRef(Path(os.path.realpath(path)))
    if kind == "file" or text.endswith(".json"):
        return InventoryRef(Path(os.path.realpath(path)))
    if named:
        return _named(named)
    if text.startswith(("/", "./", "../", "~")) or text in {".", ".."}:
        return FolderRef(Path(os.path.realpath(path)))
    if _NAMESPACE.fullmatch(text):
        return NamespaceRef(text)
    raise UsageError(f"{printable(text)!r} is no source.", code="bad-source", next_step=FORMS)


def parse_elsewhere(text: str) -> SourceRef | None:
    """What a text names that lies elsewhere; this machine is not looked at, and anything else is None."""
    if (named := _NAMED.fullmatch(text)) is not None:
        return _named(named)
    if (bucket := _BUCKET.fullmatch(text)) is not None and text.isprintable():
        return BucketRef(bucket["bucket"], (bucket["prefix"] or "").strip("/"))
    return NamespaceRef(text) if _NAMESPACE.fullmatch(text) else None


def _named(match: re.Match[str]) -> ContainerRef:
    kind: Kind = "s3" if match["kind"] == "s3" else "swift" if match["kind"] else ""
    return ContainerRef(match["container"], match["region"].upper(), (match["prefix"] or "").strip("/"), kind)


def _bucket(text: str) -> BucketRef:
    """A bucket by its URL ``s3://``; of any other, what to type in its place."""
    match = _BUCKET.fullmatch(text)
    if match and text.isprintable():
        return BucketRef(match["bucket"], (match["prefix"] or "").strip("/"))
    hint = FORMS
    if found := _SWIFT_URL.match(text):
        source = f"{unquote(found['name'])}@{found['region'].upper()}/{unquote(found['prefix'])}".rstrip("/")
        hint = f"Type it as {printable(source)}, with the credentials of the project in OVH_*."
    elif found := _S3_URL.match(text):
        source = f"s3://{unquote(found['name'])}/{unquote(found['prefix'])}".rstrip("/")
        hint = (
            f"Type it as {printable(source)}, with AWS_ENDPOINT_URL={printable(found['host'])} and keys in AWS_*; or, "
            "where the bucket belongs to the project, as NAME@REGION[/PREFIX] with OVH_*."
        )
    raise UsageError(f"{printable(text)!r} is no source.", code="bad-source", next_step=hint)


def _look(text: str) -> tuple[Path, Literal["folder", "file", ""]]:
    """The text as a path, and what lies there."""
    try:
        path = Path(text).expanduser()
        return path, "folder" if path.is_dir() else "file" if path.is_file() else ""
    except (OSError, RuntimeError, ValueError):  # too long a name, no such user, not a path at all
        return Path(text), ""
