"""Object Storage: containers and what lies in them. Object names are keys here, never paths on this machine."""

import base64
import hashlib
import hmac
import json
import secrets
import shutil
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from migrate.sandbox.base.errors import SandboxError

DEFAULT_REGION = "GRA"
BUCKET: Final = "s3:"
"""What the name of a folder begins with that is an S3 bucket."""

DIGESTS: Final = ("sha1", "sha256", "sha512")
"""What a temporary URL may be signed with."""

_BY_LENGTH: Final = {hashlib.new(name).digest_size: name for name in DIGESTS}


class Segment(Struct, frozen=True):
    """A piece of a static large object, as its manifest has it: ``container/name``, size and MD5."""

    path: str
    size: int
    etag: str


class StoredObject(Struct, frozen=True, kw_only=True):
    """An object as it is stored; ``size`` is what listings say.

    Attributes:
        etag: The MD5 of the content, or of the manifest of a large object.
        segments: Makes it a static large object: ``size`` is theirs together.
        prefix: Makes it a dynamic large object of all that begins so (``container/prefix``): listed with 0 bytes.
        link: Makes it a symbolic link to ``container/name``: listed with 0 bytes.
        encoding: The Content-Encoding that it was stored with.
        expired: It is still listed, and gone for everything else.
    """

    name: str
    file: Path
    size: int
    etag: str
    content_type: str
    modified: float
    segments: tuple[Segment, ...] = ()
    prefix: str = ""
    link: str = ""
    encoding: str = ""
    expired: bool = False


class Kind(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an object is that is more than its bytes; the fields are those of ``StoredObject``.

    ``segments`` are ``container/name`` of objects that are there.
    """

    segments: tuple[str, ...] = ()
    prefix: str = ""
    link: str = ""
    encoding: str = ""
    expired: bool = False


_PLAIN: Final = Kind()


class Container(Struct, frozen=True, kw_only=True):
    """A container of one region."""

    id: str
    name: str
    region: str
    archive: bool
    objects: dict[str, StoredObject]
    made: float

    @property
    def size(self) -> int:
        """Bytes of all objects, as Swift counts them: of a static large object those of its manifest."""
        return sum(len(_manifest(item.segments)) if item.segments else item.size for item in self.objects.values())

    @property
    def modified(self) -> float:
        """When an object was last put into it."""
        return max((item.modified for item in self.objects.values()), default=self.made)

    def listing(self, *, prefix: str = "", marker: str = "", end: str = "") -> Iterator[StoredObject]:
        """Objects by name (in the order of their UTF-8 bytes), after ``marker`` and before ``end``."""
        names = sorted(self.objects, key=str.encode)
        start = bisect_left([name.encode() for name in names], prefix.encode())
        for name in names[start:]:
            if not name.startswith(prefix):
                return
            if marker and name.encode() <= marker.encode():
                continue
            if end and name.encode() >= end.encode():
                return
            yield self.objects[name]


class ObjectStore:
    """All containers of the project; contents are copied to files with numbers for names."""

    def __init__(self, folder: Path, project: str, url_key: str) -> None:
        self.account = f"AUTH_{project}"
        self.containers: dict[str, Container] = {}
        self._folder = folder
        self._key = url_key.encode()
        self._count = 0
        self.changed = False
        self.since = time.time()
        self.clear()

    def clear(self) -> None:
        """Forget every container and remove what lay in them."""
        self.containers.clear()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()

    def container(self, name: str, region: str, *, archive: bool = False) -> Container:
        """The container of that name and region, made if there is none."""
        identity = f"{name}-{region}".encode().hex()
        if identity not in self.containers:
            made = Container(id=identity, name=name, region=region, archive=archive, objects={}, made=time.time())
            self.containers[identity] = made
        return self.containers[identity]

    def find(self, name: str, region: str) -> Container | None:
        """The container of that name and region."""
        return self.containers.get(f"{name}-{region}".encode().hex())

    def held(self, region: str) -> list[Container]:
        """The containers of a region."""
        return [item for item in self.containers.values() if item.region == region]

    def new_file(self) -> Path:
        """A path for the content of the next object."""
        self._count += 1
        return self._folder / str(self._count)

    def put(
        self,
        container: Container,
        name: str,
        file: Path,
        *,
        content_type: str = "application/octet-stream",
        slo: bool = False,
        etag: str = "",
        kind: Kind = _PLAIN,
    ) -> StoredObject:
        """Take a file of this store as an object.

        ``etag`` is its MD5 where that is known, or another one (the object is damaged in the store). With ``slo`` the
        file is the one segment of a static large object, as clients upload it: in a container of its own. The content
        of the other kinds lies elsewhere, and their file is empty.
        """
        if slo:
            pieces = self.container(f"{container.name}_segments", container.region)
            self.put(pieces, f"{name}/00000000", file, etag=etag)
            kind = Kind(segments=(f"{pieces.name}/{name}/00000000",))
        segments = tuple(self._segment(container.region, path) for path in kind.segments)
        made = StoredObject(
            name=name,
            file=file,
            size=sum(item.size for item in segments) if segments else file.stat().st_size,
            etag=_md5(_manifest(segments)) if segments else etag or md5_of(file),
            content_type="application/symlink" if kind.link else content_type,
            modified=time.time(),
            segments=segments,
            prefix=kind.prefix,
            link=kind.link,
            encoding=kind.encoding,
            expired=kind.expired,
        )
        container.objects[name] = made
        return made

    def _segment(self, region: str, path: str) -> Segment:
        container, _, name = path.partition("/")
        found = self.find(container, region)
        if found is None or name not in found.objects:
            message = f"there is no segment {path}"
            raise SandboxError(message)
        return Segment(path, found.objects[name].size, found.objects[name].etag)

    def load(self, folder: Path, *, kind: str = "") -> None:
        """Copy the containers of a folder: each folder in it is one, ``name`` or ``name@REGION`` after the kind."""
        for place in sorted(path for path in folder.iterdir() if path.is_dir()):
            if place.name.startswith(BUCKET) is not (kind == BUCKET):
                continue
            name, _, region = place.name.removeprefix(kind).partition("@")
            container = self.container(name, region or DEFAULT_REGION)
            for path in sorted(place.rglob("*")):
                if path.is_file():
                    file = self.new_file()
                    shutil.copyfile(path, file)
                    self.put(container, path.relative_to(place).as_posix(), file)

    def path_of(self, container: str, name: str) -> str:
        """The path of an object below a region's endpoint, percent-encoded."""
        return f"/v1/{self.account}/{quote(container, safe='')}/{quote(name)}"

    def sign(self, path: str, expires: int) -> str:
        """The query of a temporary URL for GET (OpenStack TempURL, SHA-256); ``path`` is decoded."""
        return f"temp_url_sig={self._signature(path, expires, 'sha256').hex()}&temp_url_expires={expires}"

    def signed(self, path: str, signature: str, expires: str) -> bool:
        """Whether a temporary URL is right and has not expired."""
        if not expires.isdigit() or int(expires) < time.time():
            return False
        name, colon, text = signature.partition(":")
        try:
            given = base64.b64decode(text + "==", b"-_") if colon else bytes.fromhex(signature)
        except ValueError:
            return False
        algorithm = name if colon else _BY_LENGTH.get(len(given), "")
        if algorithm not in DIGESTS:
            return False
        return hmac.compare_digest(self._signature(path, int(expires), algorithm), given)

    def signature(self, text: str, expires: int) -> str:
        """Of a presigned URL: what it opens, until when."""
        return hmac.new(self._key, f"S3\n{expires}\n{text}".encode("utf-8", "surrogatepass"), "sha256").hexdigest()

    def bears(self, text: str, signature: str, expires: str) -> bool:
        """Whether a presigned URL is right and has not expired."""
        if not expires.isdigit() or int(expires) < time.time():
            return False
        return hmac.compare_digest(self.signature(text, int(expires)).encode(), signature.encode())

    def _signature(self, path: str, expires: int, algorithm: str) -> bytes:
        return hmac.new(self._key, f"GET\n{expires}\n{path}".encode(), algorithm).digest()


class SwiftTokens:
    """Tokens for Swift itself, from ``POST storage/access``."""

    def __init__(self) -> None:
        self._tokens: dict[str, float] = {}

    def issue(self) -> str:
        """A new token, good for an hour."""
        token = secrets.token_hex(32)
        self._tokens[token] = time.time() + 3600
        return token

    def good(self, token: str) -> bool:
        """Whether a token opens the project's account."""
        return self._tokens.get(token, 0.0) > time.time()


def md5_of(file: Path) -> str:
    """The MD5 of a file's content."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def manifest_of(segments: tuple[Segment, ...]) -> list[dict[str, object]]:
    """The manifest of a static large object as Swift shows it."""
    return [{"name": f"/{item.path}", "bytes": item.size, "hash": item.etag} for item in segments]


def etag_of(parts: Iterable[str]) -> str:
    """The ETag of a large object of parts with these MD5s, in the quotes that tell it from an MD5."""
    return f'"{_md5("".join(parts))}"'


def _manifest(segments: tuple[Segment, ...]) -> str:
    return json.dumps(manifest_of(segments))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
