"""An image of a registry, read as the platform reads it: its manifest, its configuration, its layers as they come.

What is read is held against its digest. OCI distribution specification 1.1; the token exchange is that of distribution
(``docs/spec/auth/token.md``).
"""

import contextlib
import gzip
import hashlib
import re
import tarfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from typing import Any, Final

import msgspec
import requests
from msgspec import Struct
from requests.utils import parse_dict_header
from urllib3.exceptions import HTTPError

from migrate.boxes.layers import LayerError, Member, Readable, members_of
from migrate.sandbox.base.seam import RegistryAuth
from migrate.sandbox.running.backend import LaunchError
from migrate.sandbox.running.references import login_of, pull_failed, split_reference

PLATFORM: Final = ("linux", "amd64")

_TIMEOUT: Final = (20.0, 300.0)  # seconds: to connect, and without a byte
_DOCUMENT: Final = 8 << 20  # bytes; a manifest or an image's configuration is a few kB
_MOST_UNPACKED: Final = 64 << 30  # bytes, of a layer
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_LOCAL: Final = re.compile(r"(localhost|127\.\d+\.\d+\.\d+)(:\d+)?")
_DOCKER_HUB: Final = "registry-1.docker.io"
_INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


class Layer(Struct, frozen=True, kw_only=True, rename="camel"):
    """A blob that an image is made of."""

    media_type: str
    digest: str
    size: int


class Settings(Struct, frozen=True, kw_only=True, rename="pascal"):
    """What an image says of how it is run."""

    env: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    working_dir: str | None = None


class _Root(Struct, frozen=True):
    diff_ids: tuple[str, ...]


class Configuration(Struct, frozen=True, kw_only=True):
    """The configuration of an image, as far as it matters here."""

    os: str
    architecture: str
    rootfs: _Root
    config: Settings | None = None


class _Manifest(Struct, frozen=True, kw_only=True):
    config: Layer
    layers: tuple[Layer, ...]


class Image:
    """An image that a registry has.

    Attributes:
        id: The digest of its configuration.
        configuration: What it says of itself.

    Args:
        reference: Its name.
        auths: The logins that may be used, and nobody else's.

    Raises:
        LaunchError: It cannot be pulled, or is for another platform.
    """

    def __init__(self, reference: str, auths: Iterable[RegistryAuth]) -> None:
        self.reference = reference
        repository, self._tag = split_reference(reference)
        host, slash, name = repository.partition("/")
        if not slash or not ("." in host or ":" in host or host == "localhost"):
            host, name = _DOCKER_HUB, repository if slash else f"library/{repository}"
        local = _LOCAL.fullmatch(host) is not None
        self._base = f"{'http' if local else 'https'}://{host}/v2/{name}"
        self._login = login_of(reference, auths)
        self._session = requests.Session()
        self._session.trust_env = not local  # no proxy between this machine and itself
        self._session.auth = _nobody  # else the logins in a .netrc of this machine's user
        with self._refused():
            manifest = self._manifest()
            self.id = manifest.config.digest
            self.configuration = msgspec.json.decode(
                self._document("blobs", manifest.config.digest), type=Configuration
            )
            self._layers = manifest.layers
            if len(self._layers) != len(self.configuration.rootfs.diff_ids):
                message = "its configuration is of other layers than its manifest"
                raise LayerError(message)
        found = (self.configuration.os, self.configuration.architecture)
        if found != PLATFORM:
            message = f"The image is for {found[0]}/{found[1]}; AI Deploy runs linux/amd64"
            raise LaunchError(message)

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """What its layers unpack to, from the lowest to the highest."""
        return self.configuration.rootfs.diff_ids

    def members(self, number: int) -> Generator[Member, None, None]:
        """The members of a layer, which is verified at their end.

        Raises:
            LaunchError: It cannot be fetched, or is damaged.
        """
        layer = self._layers[number]
        with self._refused(), self._get(f"blobs/{_checked(layer.digest)}", stream=True) as answer:
            packed = _Hashed(answer.raw, layer.size)
            plain = _Hashed(_decompressed(packed, layer.media_type), _MOST_UNPACKED)
            try:
                yield from members_of(plain)
            except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
                message = f"a layer of it is damaged ({error})"
                raise LayerError(message) from error
            while plain.read(1 << 20) or packed.read(1 << 20):
                pass
            if (packed.digest(), plain.digest()) != (layer.digest, self.diff_ids[number]):
                message = f"its layer {layer.digest} is damaged"
                raise LayerError(message)

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def _manifest(self) -> _Manifest:
        data, media_type = self._named(self._tag)
        for _ in range(2):
            if media_type in _MANIFESTS:
                return msgspec.json.decode(data, type=_Manifest)
            listed = msgspec.json.decode(data).get("manifests") or () if media_type in _INDEXES else ()
            fitting = [one for one in listed if _platform(one) == PLATFORM]
            if not fitting:
                message = "no matching manifest for linux/amd64 is in it"
                raise LayerError(message)
            data, media_type = self._named(str(fitting[0]["digest"]))
        message = "its manifest is an index of indexes"
        raise LayerError(message)

    def _named(self, tag: str) -> tuple[bytes, str]:
        accepted = {"Accept": ", ".join((*_MANIFESTS, *_INDEXES))}
        with self._get(f"manifests/{tag}", stream=True, headers=accepted) as answer:
            return _bounded(answer, tag), answer.headers.get("Content-Type", "").partition(";")[0].strip()

    def _document(self, kind: str, digest: str) -> bytes:
        with self._get(f"{kind}/{_checked(digest)}", stream=True) as answer:
            return _bounded(answer, digest)

    def _get(self, path: str, **settings: Any) -> requests.Response:
        url = f"{self._base}/{path}"
        answer = self._session.get(url, timeout=_TIMEOUT, **settings)
        if answer.status_code == requests.codes.unauthorized:
            answer.close()
            self._sign_in(answer.headers.get("WWW-Authenticate", ""))
            answer = self._session.get(url, timeout=_TIMEOUT, **settings)
        if answer.status_code != requests.codes.ok:
            said = _said(answer)
            answer.close()
            message = f"{path.partition('/')[2]}: {said}"
            raise LayerError(message)
        return answer

    def _sign_in(self, asked: str) -> None:
        scheme, _, rest = asked.partition(" ")
        login = (self._login.username, self._login.password) if self._login else None
        if scheme.lower() == "basic":
            if login is None:
                message = "unauthorized: no basic auth credentials"
                raise LayerError(message)
            self._session.auth = login
            return
        if scheme.lower() != "bearer":
            message = f"unauthorized: it asks for {scheme or 'nothing'}"
            raise LayerError(message)
        wanted: dict[str, str | None] = parse_dict_header(rest)  # type: ignore[no-untyped-call]
        realm = wanted.pop("realm", None) or ""
        wanted.pop("error", None)
        answer = self._session.get(realm, params=wanted, auth=login or _nobody, timeout=_TIMEOUT)
        if answer.status_code != requests.codes.ok:
            raise LayerError(_said(answer))
        given = answer.json()
        self._session.headers["Authorization"] = f"Bearer {given.get('token') or given.get('access_token')}"

    @contextlib.contextmanager
    def _refused(self) -> Iterator[None]:
        """Turns what is wrong into the sentence of an app."""
        try:
            yield
        except (LayerError, requests.RequestException, HTTPError, msgspec.MsgspecError, ValueError, OSError) as error:
            raise LaunchError(pull_failed(self.reference, str(error))) from error


class _Hashed:
    """Bytes that are hashed and counted while they are read."""

    def __init__(self, file: Readable, most: int) -> None:
        self._file = file
        self._left = most
        self._hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size if size >= 0 else 1 << 20)
        self._hash.update(data)
        self._left -= len(data)
        if self._left < 0:
            message = "a layer of it is larger than it should be"
            raise LayerError(message)
        return data

    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _decompressed(packed: Any, media_type: str) -> Readable:
    if media_type.endswith("gzip"):
        return gzip.GzipFile(fileobj=packed, mode="rb")
    if media_type.endswith("tar"):
        return packed  # type: ignore[no-any-return]
    message = f"its layers are {media_type[:100]!a}, and the sandbox unpacks tar and gzip"
    raise LayerError(message)


def _checked(digest: str) -> str:
    if _DIGEST.fullmatch(digest) is None:
        message = f"it names a blob by something else than a SHA-256: {digest[:100]!a}"
        raise LayerError(message)
    return digest


def _bounded(answer: requests.Response, name: str) -> bytes:
    """A document, held against the digest that it was asked for by."""
    data: bytes = answer.raw.read(_DOCUMENT + 1, decode_content=True)
    if len(data) > _DOCUMENT:
        message = f"a document of it has more than {_DOCUMENT >> 20} MiB"
        raise LayerError(message)
    if name.startswith("sha256:") and f"sha256:{hashlib.sha256(data).hexdigest()}" != name:
        message = f"{name} is damaged"
        raise LayerError(message)
    return data


def _platform(listed: dict[str, Any]) -> tuple[object, object]:
    platform = listed.get("platform") or {}
    return platform.get("os"), platform.get("architecture")


def _said(answer: requests.Response) -> str:
    """What a registry says of a request that it refuses, after the word of HTTP for it."""
    try:
        first = (answer.json().get("errors") or [{}])[0]
        more = str(first.get("message") or first.get("code") or "")
    except (ValueError, AttributeError, IndexError, requests.RequestException):
        more = ""
    word = (answer.reason or str(answer.status_code)).lower()
    return f"{word}: {ascii(more[:300])[1:-1]}" if more else word
