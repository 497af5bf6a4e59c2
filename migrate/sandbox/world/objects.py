"""Object Storage: containers and what lies in them. Object names are keys here, never paths on this machine."""

import hashlib
import hmac
import secrets
import shutil
import time
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

DEFAULT_REGION = "GRA"


class StoredObject(Struct, frozen=True, kw_only=True):
    """An object: ``etag`` is the MD5 of the content, unless it is a large object uploaded in segments (``slo``)."""

    name: str
    file: Path
    size: int
    etag: str
    slo: bool
    content_type: str
    modified: float


class Container(Struct, frozen=True, kw_only=True):
    """A container of one region."""

    id: str
    name: str
    region: str
    archive: bool
    objects: dict[str, StoredObject]

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
            made = Container(id=identity, name=name, region=region, archive=archive, objects={})
            self.containers[identity] = made
        return self.containers[identity]

    def find(self, name: str, region: str) -> Container | None:
        """The container of that name and region."""
        return self.containers.get(f"{name}-{region}".encode().hex())

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
    ) -> StoredObject:
        """Take a file of this store as an object; ``etag`` overrides the true one (damaged in the store)."""
        size = file.stat().st_size
        digest = etag or md5_of(file)
        if slo:
            digest = hashlib.md5(f"{digest}{name}".encode(), usedforsecurity=False).hexdigest()
        made = StoredObject(
            name=name,
            file=file,
            size=size,
            etag=digest,
            slo=slo,
            content_type=content_type,
            modified=time.time(),
        )
        container.objects[name] = made
        return made

    def load(self, folder: Path) -> None:
        """Copy the containers of a folder: each folder in it is one, ``name`` or ``name@REGION``."""
        for place in sorted(path for path in folder.iterdir() if path.is_dir()):
            name, _, region = place.name.partition("@")
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
        return f"temp_url_sig={self._signature(path, expires)}&temp_url_expires={expires}"

    def signed(self, path: str, signature: str, expires: str) -> bool:
        """Whether a temporary URL is right and has not expired."""
        if not expires.isdigit() or int(expires) < time.time():
            return False
        return hmac.compare_digest(self._signature(path, int(expires)).encode(), signature.encode())

    def _signature(self, path: str, expires: int) -> str:
        return hmac.new(self._key, f"GET\n{expires}\n{path}".encode(), hashlib.sha256).hexdigest()


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
