"""A second request for a chunk, opened before the first one is sent and used where that is cut.

The registries of the distribution project (docker-registry, Harbor, GitLab) sign each upload's address for the number
of bytes that they had then, and refuse it once they have another number: what a cut leaves of a chunk makes the whole
upload useless, and nothing tells how far it came (decisions: Cut uploads). A request that was opened before still
writes from where the chunk begins. It sends nothing until then, and is ended empty where the first one succeeds.
"""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from migrate.images.registry.transport import NoAnswer
from migrate.machine.patience import REGISTRY_SPARE

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures import Executor, Future

    from migrate.images.registry.client import RegistryClient
    from migrate.images.registry.transport import Answer

_HEAD: Final = 1 << 10  # bytes; an answer that only says "go on" has a line or two


def is_needed(location: str) -> bool:
    """Whether an upload is of the kind that a cut makes useless."""
    return "_state" in parse_qs(urlsplit(location).query)


class Spare:
    """A request that waits for its body.

    Args:
        client: The repository.
        location: The upload, at the beginning of the chunk.
        headers: Of the chunk; its bytes come in pieces, so that none may also be sent.
        aside: Runs it.
        useless: Told where it was of no use and refused besides: a proxy collects what is sent, cuts do not reach the
            registry, and it gets a request that is too late.
    """

    def __init__(
        self,
        client: RegistryClient,
        location: str,
        headers: Mapping[str, str],
        aside: Executor,
        useless: Callable[[], None],
    ) -> None:
        self._useless = useless
        self._used = False
        self._body: Iterable[memoryview] | None = None
        self._client = client
        self._orders: queue.SimpleQueue[Iterable[memoryview]] = queue.SimpleQueue()
        self._opened: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._running: Future[Answer] = aside.submit(self._run, location, {**headers, "Expect": "100-continue"})
        self.is_open = self._opened.get()
        """Whether the registry waits for the body, and not somebody before it or nobody."""

    def use(self, body: Iterable[memoryview]) -> Answer:
        """Send a chunk by it.

        Raises:
            NoAnswer: It was cut too.
        """
        self._used = True
        self._orders.put(body)
        return self._running.result()

    def end(self) -> None:
        """Send nothing by it, which changes nothing; one that was used has ended."""
        self._orders.put(())

    def _run(self, location: str, headers: Mapping[str, str]) -> Answer:
        try:
            with self._client.transport.watched() as seen:
                answer = self._client.exchange("PATCH", location, headers=headers, body=_Body(self, seen))
            if answer.status >= 400 and not self._used:
                self._useless()
            return answer
        finally:
            self._opened.put(False)  # where it was opened, nobody reads this

    def wait(self, seen: list[socket.socket]) -> Iterator[memoryview]:
        """The body, once it is known whether one is needed."""
        if not seen or not _goes_on(seen[-1]):
            raise NoAnswer("the registry opens no second request")
        if self._body is None:
            self._opened.put(True)
            self._body = self._orders.get()
        yield from self._body  # a second time where the registry sends this request to another place


class _Body:
    """What has no length is sent in pieces."""

    def __init__(self, spare: Spare, seen: list[socket.socket]) -> None:
        self._spare = spare
        self._seen = seen

    def __iter__(self) -> Iterator[memoryview]:
        return self._spare.wait(self._seen)


def _goes_on(connection: socket.socket) -> bool:
    """Read the answer by which a server asks for the body; it is written once the upload was opened."""
    head = b""
    before = connection.gettimeout()
    connection.settimeout(REGISTRY_SPARE)
    try:
        while not head.endswith(b"\r\n\r\n") and len(head) < _HEAD:
            byte = connection.recv(1)
            if not byte:
                return False
            head += byte
    except OSError:
        return False
    finally:
        connection.settimeout(before)
    return head.split(b" ", 2)[1:2] == [b"100"]
