"""A small client of registries (the OCI distribution specification): what does a tag really name?

It logs in with Bearer tokens, which Harbor and the platform's shared registry ask for, or with Basic.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from migrate.core.addresses import is_loopback, secure_url
from migrate.core.errors import LocalError
from migrate.core.secret import Secret
from migrate.core.text import printable, type_again
from migrate.images.registry.refusals import denied_error, login_error
from migrate.machine.patience import REGISTRY_RETRY, REGISTRY_TIMEOUT

if TYPE_CHECKING:
    from migrate.images.registry.credentials import RegistryCredentials

_MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_AT_MOST: Final = 8 << 20  # bytes; a manifest or an image's configuration is a few kB
_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')
_HUB: Final = ("docker.io", "index.docker.io")


class RemoteImage(Struct, frozen=True, kw_only=True):
    """What a registry holds under a tag.

    ``digest`` is of what the tag names (a manifest, or an index of manifests), ``manifest`` of the manifest for
    linux/amd64, ``config`` of its configuration; ``layers`` are the uncompressed digests, and ``size`` is what a
    replica downloads, in bytes.
    """

    digest: str
    manifest: str
    config: str
    layers: tuple[str, ...]
    size: int


class _Answer(Struct, frozen=True, kw_only=True):
    status: int
    challenge: str
    content: bytes


class RegistryClient:
    """One repository of one registry."""

    def __init__(self, registry: str, repository: str, credentials: RegistryCredentials | None) -> None:
        import requests  # noqa: PLC0415
        from requests.adapters import HTTPAdapter  # noqa: PLC0415
        from urllib3.util import Retry  # noqa: PLC0415

        from migrate.images.registry.certificates import TrustingAdapter  # noqa: PLC0415

        self._registry = registry
        self._repository = repository
        self._credentials = credentials
        self._authorization: Secret | None = None
        self._session = requests.Session()
        # A proxy of the environment has no business between this machine and itself.
        self._session.trust_env = not is_loopback(registry)
        retry = Retry(
            total=REGISTRY_RETRY.attempts - 1,
            backoff_factor=REGISTRY_RETRY.first_wait,
            backoff_max=REGISTRY_RETRY.longest_wait,
            status_forcelist=(429, 500, 502, 503, 504),
            raise_on_status=False,
        )
        self._session.mount("http://", HTTPAdapter(max_retries=retry))
        self._session.mount("https://", TrustingAdapter(registry, retry))
        host = "registry-1.docker.io" if registry in _HUB else registry
        # Engines speak http to registries on their own machine (engine/transfer.py); to any other, neither they nor
        # this client do.
        self._base = f"{'http' if is_loopback(registry) else 'https'}://{host}/v2/"

    def digest(self, reference: str) -> str | None:
        """The digest of what a tag (or digest) names now, or None where it names nothing."""
        answer = self._get(f"{self._repository}/manifests/{reference}", accept=_MANIFESTS + _INDEXES)
        return None if answer is None else f"sha256:{hashlib.sha256(answer).hexdigest()}"

    def image(self, reference: str) -> RemoteImage | None:
        """What a tag names, followed to the image for linux/amd64, or None where it names nothing.

        Raises:
            LocalError: The registry refuses the login (``registry-login``), does not answer
                (``registry-unreachable``), or answers what no image is (``registry-failed``).
        """
        outer = self._get(f"{self._repository}/manifests/{reference}", accept=_MANIFESTS + _INDEXES)
        if outer is None:
            return None
        content = self._json(outer)
        inner = outer
        if "manifests" in content:
            inner = self._required(f"{self._repository}/manifests/{self._amd64(content)}", accept=_MANIFESTS)
            content = self._json(inner)
        try:
            config_digest = str(content["config"]["digest"])
            config = self._required(f"{self._repository}/blobs/{config_digest}", accept=("*/*",))
            size = sum(int(layer["size"]) for layer in content["layers"])
            layers = tuple(str(layer) for layer in self._json(config)["rootfs"]["diff_ids"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._failed("what it has under this tag is not an image") from error
        return RemoteImage(
            digest=_digest(outer), manifest=_digest(inner), config=config_digest, layers=layers, size=size
        )

    def _amd64(self, index: dict[str, Any]) -> str:
        for entry in index["manifests"]:
            platform = entry.get("platform") or {}
            if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
                return str(entry["digest"])
        raise self._failed("what it has under this tag has no image for linux/amd64")

    def _required(self, path: str, *, accept: tuple[str, ...]) -> bytes:
        answer = self._get(path, accept=accept)
        wanted = path.rpartition("/")[2]
        if answer is None or _digest(answer) != wanted:
            raise self._failed(f"it does not have what it says it has ({wanted})")
        return answer

    def _json(self, data: bytes) -> dict[str, Any]:
        try:
            return msgspec.json.decode(data, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise self._failed("its answer is not JSON") from error

    def _get(self, path: str, *, accept: tuple[str, ...]) -> bytes | None:
        answer = self._request(path, accept)
        # Tokens live for minutes and a push may take longer: a new one is fetched when the former is refused.
        if answer.status == 401 and self._login(answer.challenge):
            answer = self._request(path, accept)
        if answer.status == 404:
            return None
        if answer.status == 403 and self._authorization is not None:
            project = self._repository.rpartition("/")[0] or self._repository
            raise denied_error(self._registry, f"read the project {project}", "it answers 403")
        if answer.status in (401, 403):
            raise login_error(self._registry, f"it answers {answer.status}")
        if answer.status != 200:
            raise self._failed(f"it answers {answer.status}")
        return answer.content

    def _request(self, path: str, accept: tuple[str, ...]) -> _Answer:
        headers = {"Accept": ", ".join(accept)}
        if self._authorization is not None:
            headers["Authorization"] = self._authorization.reveal()
        return self._send("GET", self._base + path, headers=headers)

    def _login(self, challenge: str) -> bool:
        """Answer a 401: whether there is anything to try again with."""
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic" and self._credentials is not None:
            self._authorization = _basic(self._credentials)
            return True
        if scheme.lower() != "bearer":
            return False
        parameters = dict(_PARAMETER.findall(rest))
        realm = parameters.get("realm", "")
        if not secure_url(realm):
            raise self._failed(f"it wants the login sent to {printable(realm)}, which is not https")
        query = {
            "service": parameters.get("service", ""),
            "scope": parameters.get("scope") or f"repository:{self._repository}:pull",
        }
        answer = self._ask_for_token(realm, query)
        if answer.status in (401, 403):
            raise login_error(self._registry, f"its token server answers {answer.status}")
        if answer.status != 200:
            raise self._failed(f"its token server answers {answer.status}")
        content = self._json(answer.content)
        token = content.get("token") or content.get("access_token")
        if not isinstance(token, str) or not token:
            raise self._failed("its token server gives no token")
        Secret(token)  # registered by itself too: servers like to repeat it
        self._authorization = Secret(f"Bearer {token}")
        return True

    def _ask_for_token(self, realm: str, query: dict[str, str]) -> _Answer:
        known = self._credentials
        if known is not None and known.is_token:
            form = {**query, "grant_type": "refresh_token", "client_id": "mlserving-migrate"}
            return self._send("POST", realm, data={**form, "refresh_token": known.password.reveal()})
        headers = {"Authorization": _basic(known).reveal()} if known is not None else {}
        return self._send("GET", realm, params=query, headers=headers)

    def _send(self, method: str, url: str, **arguments: Any) -> _Answer:
        import requests  # noqa: PLC0415

        try:
            with self._session.request(method, url, timeout=REGISTRY_TIMEOUT, stream=True, **arguments) as answer:
                pieces: list[bytes] = []
                for piece in answer.iter_content(1 << 16):
                    pieces.append(piece)
                    if len(pieces) << 16 > _AT_MOST:
                        raise self._failed("its answer is far too long")
                challenge = answer.headers.get("WWW-Authenticate", "")
                return _Answer(status=answer.status_code, challenge=challenge, content=b"".join(pieces))
        except requests.RequestException as error:
            raise LocalError(
                f"The registry {self._registry} does not answer: {printable(_reason(error), 200)}.",
                code="registry-unreachable",
                next_step=type_again("Check its address and the network"),
            ) from error

    def _failed(self, why: str) -> LocalError:
        return LocalError(
            f"The registry {self._registry} cannot be used: {why}.",
            code="registry-failed",
            next_step=type_again(note="if it stays so, ask who runs the registry"),
        )


def _basic(credentials: RegistryCredentials) -> Secret:
    pair = f"{credentials.username}:{credentials.password.reveal()}".encode()
    return Secret(f"Basic {base64.b64encode(pair).decode()}")


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _reason(error: BaseException) -> str:
    """The innermost words of an error: the outer ones repeat the address and objects' names."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__
