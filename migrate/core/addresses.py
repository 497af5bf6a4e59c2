"""Addresses: of a registry, as people, image names and APIs write it; and which hosts are this machine itself."""

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from migrate.core.errors import UsageError
from migrate.core.text import printable

# As the distribution project defines references (distribution/reference, "domain" and "path-component").
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_PART: Final = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_PATH: Final = re.compile(rf"{_PART}(?:/{_PART})*", re.ASCII)
_SCHEME: Final = re.compile(r"(https?)://", re.IGNORECASE)
_HOST: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^:/\[\]]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


class RegistryAddress(Struct, frozen=True):
    """A registry, and where in it repositories begin.

    Attributes:
        host: ``host[:port]`` in lower case, as image names have it; an IPv6 address is in brackets.
        path: What stands before a repository's name, without slashes at its ends; empty for none.
    """

    host: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.host}/{self.path}" if self.path else self.host


def read_registry(text: str) -> RegistryAddress | None:
    """The registry that an address means, or None for what is no address of one.

    A scheme and slashes at the end mean nothing; a port that the scheme implies is left out. Upper case is accepted
    in scheme and host. The host must be recognisable as one (a dot, a port, ``localhost``): anything else would mean
    Docker Hub.

    Args:
        text: For example ``https://registry.example.com/team/``.
    """
    text = text.strip()
    scheme = _SCHEME.match(text)
    host, _, path = text[scheme.end() if scheme else 0 :].partition("/")
    path = path.strip("/")
    found = _HOST.fullmatch(host)
    if found is None or (path and not _PATH.fullmatch(path)):
        return None
    name, port = found["name"].lower(), int(found["port"]) if found["port"] else None
    if not (_is_ipv6(name) if name.startswith("[") else _NAME.fullmatch(name)):
        return None
    if port is not None and not 0 < port < 1 << 16:
        return None
    known = name.startswith("[") or "." in name or name == "localhost"
    if not known and port is None:
        return None
    if known and scheme is not None and port == _DEFAULT_PORTS[scheme[1].lower()]:
        port = None
    return RegistryAddress(name if port is None else f"{name}:{port}", path)


def registry_address(text: str) -> RegistryAddress:
    """As ``read_registry``, for what a person typed.

    Raises:
        UsageError: ``bad-registry``.
    """
    found = read_registry(text)
    if found is None:
        before, at, host = text.rpartition("@")  # what stands before may be a password
        shown = f"...@{host}" if at and before else text
        raise UsageError(
            f"{printable(shown, 300)!r} is not the address of a registry.",
            code="bad-registry",
            next_step="Write it as HOST[/PATH], the path in lower case, for example "
            "a1b2.c1.gra9.container-registry.ovh.net/models.",
        )
    return found


def is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is this machine itself: 127.0.0.0/8, ::1, localhost, ``*.localhost``.

    RFC 6761 (section 6.3) reserves the names; nobody else can be reached by them.
    """
    if host.count(":") > 1 and not host.startswith("["):
        name = host  # an IPv6 address, which a port cannot follow without brackets
    else:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found["name"].strip("[]")
    plain = name.lower().removesuffix(".")
    if plain == "localhost" or plain.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return any(address in network for network in _LOOPBACK)


def secure_url(url: str) -> bool:
    """Whether a secret may be sent to this URL: https, or http to this machine itself."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and is_loopback(host)


def _is_ipv6(name: str) -> bool:
    try:
        ipaddress.IPv6Address(name[1:-1])
    except ValueError:
        return False
    return True
