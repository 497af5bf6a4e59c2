"""The blobs of another registry as they are, to be sent on without being unpacked or stored."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrate.core.values import Descriptor
    from migrate.images.registry.client import RegistryClient
    from migrate.images.registry.source import Opener, Stream


def remote(client: RegistryClient, descriptor: Descriptor) -> Opener:
    """What opens a blob of a registry at any offset.

    Args:
        client: The repository that has it.
        descriptor: The blob.

    Returns:
        An opener, which raises LocalError where the registry does not give the blob (``registry-login``,
        ``registry-denied``, ``registry-unreachable``, ``registry-failed``).
    """

    def opened(offset: int) -> Stream:
        if offset >= descriptor.size:
            return io.BytesIO()  # a range behind the end is answered with the length of a body that never comes
        headers = {"Accept": "*/*", **({"Range": f"bytes={offset}-"} if offset else {})}
        answer = client.ask("GET", f"{client.repository}/blobs/{descriptor.digest}", headers=headers, streamed=True)
        if answer.stream is None:
            raise client.unread(answer)
        if offset and answer.status != 206:
            answer.stream.close()
            raise io.UnsupportedOperation("this registry gives no parts")
        return answer.stream

    return opened
