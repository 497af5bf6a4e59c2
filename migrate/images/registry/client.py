"""A small client of registries (the OCI distribution specification): one repository, read and written to.

It logs in with Bearer tokens, which Harbor and the platform's shared registry ask for, or with Basic.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

import msgspec
from msgspec import Struct

from migrate.core.errors import Interrupted, LocalError
from migrate.core.text import printable, type_again
from migrate.images.registry.refusals import (
    answer_error,
    denied_error,
    login_error,
    out_of_space,
    unreachable_error,
)
from migrate.machine.patience import (
    REGISTRY_BUSY,
    REGISTRY_FAREWELL,
    REGISTRY_QUESTION,
    REGISTRY_TIMEOUT,
    STOP_LOOK,
    retry_after,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from migrate.core.secret import Secret
    from migrate.images.registry.credentials import RegistryCredentials
    from migrate.images.registry.transport import Answer, NoAnswer

MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_ELSEWHERE: Final = frozenset({307, 308})
_HOPS: Final = 5
_LOGINS: Final = 2
"""How often a refusal is answered; a token may end on its way."""


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


class RegistryClient:
    """One repository of one registry. Threads may share it.

    Args:
        registry: ``host[:port]``.
        repository: The path in the registry.
        credentials: The login, or None.
        pushing: Ask for the right to push too, and have the patience of somebody who does.
        stop: Set to end early.
    """

    def __init__(
        self,
        registry: str,
        repository: str,
        credentials: RegistryCredentials | None,
        *,
        pushing: bool = False,
        stop: threading.Event | None = None,
    ) -> None:
        # requests takes a quarter of a second to import, and most commands ask no registry.
        from migrate.images.registry.login import Login  # noqa: PLC0415
        from migrate.images.registry.transport import Transport  # noqa: PLC0415

        self.registry: Final = registry
        self.repository: Final = repository
        self.transport: Final = Transport(registry)
        self.stop: Final = stop or threading.Event()
        self._login = Login(registry, credentials, self.transport.exchange)
        self._scope = f"repository:{repository}:{'pull,push' if pushing else 'pull'}"
        self._patience = REGISTRY_BUSY if pushing else REGISTRY_QUESTION
        self._reached = False
        self._ended = False

    # What it has.

    def digest(self, reference: str) -> str | None:
        """The digest of what a tag (or digest) names now, or None where it names nothing."""
        answer = self.manifest(reference)
        return None if answer is None else digest_of(answer)

    def manifest(self, reference: str) -> bytes | None:
        """The manifest or index under a tag or digest, or None where it names nothing."""
        return self._get(f"{self.repository}/manifests/{reference}", accept=MANIFESTS + INDEXES)

    def image(self, reference: str) -> RemoteImage | None:
        """What a tag names, followed to the image for linux/amd64, or None where it names nothing.

        Raises:
            LocalError: The registry refuses the login (``registry-login``), does not answer
                (``registry-unreachable``), or answers what no image is (``registry-failed``).
        """
        outer = self.manifest(reference)
        if outer is None:
            return None
        content = self._json(outer)
        inner = outer
        if "manifests" in content:
            inner = self._required(f"{self.repository}/manifests/{self._amd64(content)}", accept=MANIFESTS)
            content = self._json(inner)
        try:
            config_digest = str(content["config"]["digest"])
            config = self._required(f"{self.repository}/blobs/{config_digest}", accept=("*/*",))
            size = sum(int(layer["size"]) for layer in content["layers"])
            layers = tuple(str(layer) for layer in self._json(config)["rootfs"]["diff_ids"])
        except (KeyError, TypeError, ValueError) as error:
            raise self.failed("what it has under this tag is not an image") from error
        return RemoteImage(
            digest=digest_of(outer), manifest=digest_of(inner), config=config_digest, layers=layers, size=size
        )

    def _amd64(self, index: dict[str, Any]) -> str:
        for entry in index["manifests"]:
            platform = entry.get("platform") or {}
            if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
                return str(entry["digest"])
        raise self.failed("what it has under this tag has no image for linux/amd64")

    def _required(self, path: str, *, accept: tuple[str, ...]) -> bytes:
        answer = self._get(path, accept=accept)
        wanted = path.rpartition("/")[2]
        if answer is None or digest_of(answer) != wanted:
            raise self.failed(f"it does not have what it says it has ({wanted})")
        return answer

    def _json(self, data: bytes) -> dict[str, Any]:
        try:
            return msgspec.json.decode(data, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise self.failed("its answer is not JSON") from error

    def _get(self, path: str, *, accept: tuple[str, ...]) -> bytes | None:
        answer = self.ask("GET", path, headers={"Accept": ", ".join(accept)})
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self.unread(answer)
        return answer.content

    # How it is asked.

    def ask(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        also: tuple[str, ...] = (),
        streamed: bool = False,
    ) -> Answer:
        """A request that may be repeated, with patience for a registry that is busy or away for a while.

        Args:
            method: Such as ``GET``.
            target: A path behind ``/v2/``, or a whole address that the registry named.
            headers: Besides the login.
            body: What is sent.
            also: Scopes that it needs besides this repository's.
            streamed: Leave a good answer's body to be read from its ``stream``, which the caller closes.

        Returns:
            The last answer; one of the statuses of ``is_busy`` where it stays so.

        Raises:
            LocalError: ``registry-unreachable``, or the login fails (``registry-login``, ``registry-failed``).
            Interrupted: ``stop`` was set.
        """
        from migrate.images.registry.transport import NoAnswer  # noqa: PLC0415

        last: list[Answer | NoAnswer] = []

        def look() -> Answer | NoAnswer:
            try:
                last[:] = [self.exchange(method, target, headers=headers, body=body, also=also, streamed=streamed)]
            except NoAnswer as none:
                last[:] = [none]
            return last[0]

        def enough(found: Answer | NoAnswer) -> bool:
            return found.certain if isinstance(found, NoAnswer) else not is_busy(found)

        def pause(wanted: float) -> None:
            said = None if isinstance(last[0], NoAnswer) else retry_after(last[0].header("Retry-After"))
            self.wait(max(wanted, said or 0.0))

        known = self._reached
        found = wait_until(look, enough, self._patience if known else REGISTRY_QUESTION, pause=pause)
        if self._reached and not known and not enough(found):
            found = wait_until(look, enough, self._patience, pause=pause)
        if isinstance(found, NoAnswer):
            raise unreachable_error(self.registry, str(found)) from found
        return found

    def exchange(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Iterable[bytes | memoryview] | bytes | None = None,
        also: tuple[str, ...] = (),
        seconds: float = REGISTRY_TIMEOUT[1],
        streamed: bool = False,
    ) -> Answer:
        """One request, repeated only with a login where it is asked for one, and where it is sent to another place.

        The arguments are those of ``ask``, and ``seconds``, for which an answer may keep silent. A ``body`` can be gone
        through again.

        Raises:
            NoAnswer: None came.
            LocalError: The login fails, or the registry sends this request where nothing may be sent.
            Interrupted: ``stop`` was set.
        """
        from migrate.images.registry.transport import NoAnswer  # noqa: PLC0415

        url, scopes = urljoin(self.transport.base, target), (self._scope, *also)

        def once(sent: Secret | None) -> Answer:
            login = {} if sent is None else {"Authorization": sent.reveal()}
            answer = self.transport.exchange(
                method, url, headers={**(headers or {}), **login}, body=body, seconds=seconds, streamed=streamed
            )
            self._reached = True
            return answer

        for _ in range(_HOPS):
            self.check_stop()
            own = self.transport.is_own(url)
            sent = self._login.authorization(scopes) if own else None
            try:
                answer = once(sent)
                # Tokens live for minutes and a push may take longer: a new one is fetched when the former is refused.
                for _ in range(_LOGINS):
                    challenge = answer.header("WWW-Authenticate")
                    if answer.status != 401 or not own or not self._login.answer(challenge, scopes, sent):
                        break
                    sent = self._login.authorization(scopes)
                    answer = once(sent)
            except NoAnswer:
                self.check_stop()  # it may be why
                raise
            if method == "HEAD" or answer.status not in _ELSEWHERE:
                return answer
            url = self.place(answer)
        raise self.failed("it sends this client from one address to the next without end")

    def place(self, answer: Answer) -> str:
        """Where an answer's ``Location`` leads.

        Raises:
            LocalError: There is none, or nothing may be sent there (``registry-failed``).
        """
        said = answer.header("Location")
        if not said:
            raise self.failed("it does not say where an upload goes on")
        url = self.transport.followed(said, answer.url)
        if url is None:
            raise self.failed(f"it wants layers sent to {printable(said.partition('?')[0], 200)}, which is not https")
        return url

    def abandon(self, url: str) -> None:
        """Tell the registry to forget an upload, also where ``stop`` is set; it forgets by itself after a week."""
        from migrate.images.registry.transport import NoAnswer  # noqa: PLC0415

        with contextlib.suppress(NoAnswer, LocalError):
            sent = self._login.authorization((self._scope,)) if self.transport.is_own(url) else None
            headers = {} if sent is None else {"Authorization": sent.reveal()}
            self.transport.exchange("DELETE", url, headers=headers, seconds=REGISTRY_FAREWELL)

    def wait(self, seconds: float) -> None:
        """Wait that long.

        Raises:
            Interrupted: ``stop`` was set meanwhile, or this client was ended.
        """
        self.check_stop()
        while seconds > 0:
            self.stop.wait(min(seconds, STOP_LOOK))
            self.check_stop()
            seconds -= STOP_LOOK

    def end(self) -> None:
        """End what other threads ask of this client; it takes no further requests."""
        self._ended = True
        self.transport.break_off()

    def check_stop(self) -> None:
        """Raise ``Interrupted`` where ``stop`` is set, or this client was ended."""
        if self.stop.is_set() or self._ended:
            raise Interrupted

    def unread(self, answer: Answer) -> LocalError:
        """The error for an answer by which nothing can be read."""
        if answer.status == 403 and self._login.used:
            project = self.repository.rpartition("/")[0] or self.repository
            return denied_error(self.registry, f"read the project {project}", "it answers 403")
        if answer.status in (401, 403):
            return login_error(self.registry, f"it answers {answer.status}")
        return self.failed(f"it answers {answer.status}")

    def refused(self, answer: Answer) -> LocalError:
        """The error for an answer by which a push cannot go on."""
        return answer_error(self.registry, self.repository, answer, known=self._login.given)

    def failed(self, why: str) -> LocalError:
        """The error for a registry that does not do as registries do."""
        return LocalError(
            f"The registry {self.registry} cannot be used: {why}.",
            code="registry-failed",
            next_step=type_again(note="if it stays so, ask who runs the registry"),
        )


def is_busy(answer: Answer) -> bool:
    """Whether the same request may find another answer in a while."""
    return answer.status in _BUSY and not out_of_space(answer)


def digest_of(data: bytes) -> str:
    """``sha256:…`` of a manifest or a configuration."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
