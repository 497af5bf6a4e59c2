"""The certificates by which a registry is trusted: the usual ones, and those that its engine has for it.

An engine adds the authorities of a registry's own folder to the system's (Docker: moby, ``registry/registry.go``,
``ReadCertsDirectory``; Podman: the manual containers-certs.d.5), for the registry and for its token server.
"""

import ssl
from pathlib import Path
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3.util import Retry
from urllib3.util.ssl_ import create_urllib3_context

from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again

FOLDERS: Final = (Path("/etc/docker/certs.d"), Path("/etc/containers/certs.d"))


class TrustingAdapter(HTTPAdapter):
    """Speaks https to a registry, and to others on its behalf, with and without a proxy.

    ``requests`` adds what it trusts by itself (its own roots, or ``REQUESTS_CA_BUNDLE``) to a connection's context.

    Args:
        registry: The registry's host, with its port where it has one, as the folders are named.
        retry: What is tried again.

    Raises:
        LocalError: A certificate of the registry's folder cannot be read (``registry-failed``).
    """

    def __init__(self, registry: str, retry: Retry) -> None:
        self._context = _context(registry)
        super().__init__(max_retries=retry)

    def init_poolmanager(self, *positional: Any, **more: Any) -> None:
        """As ``HTTPAdapter`` does, with the registry's own authorities."""
        super().init_poolmanager(*positional, **more, ssl_context=self._context)

    def proxy_manager_for(self, *positional: Any, **more: Any) -> Any:
        """As ``HTTPAdapter`` does, with the registry's own authorities."""
        return super().proxy_manager_for(*positional, **more, ssl_context=self._context)


def _context(registry: str) -> ssl.SSLContext:
    context = create_urllib3_context()
    for folder in FOLDERS:
        try:
            for file in sorted((folder / registry).glob("*.crt")):
                context.load_verify_locations(cafile=file)
        except OSError as error:  # ssl.SSLError too
            raise LocalError(
                f"The certificates of the registry {registry} in {printable(str(folder / registry), 300)} cannot be "
                f"read: {printable(error.strerror or str(error), 200)}.",
                code="registry-failed",
                next_step=type_again("Correct that folder, which the container engine reads too"),
            ) from error
    return context
