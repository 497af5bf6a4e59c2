"""``[network]`` of the configuration: how a closed network reaches the outside, as the variables that clients read.

All clients of this tool (``requests``, obstore, uv) read the variables that curl, pip and uv made common. So the block
needs no road of its own to each of them: it fills in those variables that are not set, and one that is set wins.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Struct

from migrate.core.addresses import read_registry
from migrate.core.secret import MASK, Secret

BASE_IMAGE_VARIABLE: Final = "MIGRATE_BASE_IMAGE"

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")  # a proxy has no business between this machine and itself
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_INDEXES: Final = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_MORE_INDEXES: Final = ("UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL")
_FOLDERS: Final = ("UV_FIND_LINKS", "PIP_FIND_LINKS")
# Variable to set -> any of these, set already, wins over the file.
_WINS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")),
    **dict.fromkeys(("HTTP_PROXY", "http_proxy"), ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), ("NO_PROXY", "no_proxy")),
    "REQUESTS_CA_BUNDLE": ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    "SSL_CERT_FILE": ("SSL_CERT_FILE", "PIP_CERT"),
    "UV_DEFAULT_INDEX": _INDEXES,
    "UV_FIND_LINKS": _FOLDERS,
    BASE_IMAGE_VARIABLE: (BASE_IMAGE_VARIABLE,),
}
_HUB_IMAGES: Final = "library"  # where a mirror of Docker Hub has the images without an owner


class Network(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The block; what is empty is not set.

    Attributes:
        proxy: An URL, http or https, with a name and a password where it asks for them.
        no_proxy: Hosts that are reached without it, as curl reads them.
        ca_bundle: A file with every authority that is trusted, PEM.
        package_index: The URL of an index of Python packages (PEP 503).
        wheel_folders: Folders or pages with more wheels.
        base_image: The reference of the base image.
        registry_mirror: A registry that has Docker Hub's images: the base image comes from it.
    """

    proxy: str = ""
    no_proxy: tuple[str, ...] = ()
    ca_bundle: str = ""
    package_index: str = ""
    wheel_folders: tuple[str, ...] = ()
    base_image: str = ""
    registry_mirror: str = ""


class Configuration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration file."""

    network: Network = Network()


def read_configuration(content: Mapping[str, object]) -> Configuration:
    """The configuration that a file holds.

    Args:
        content: What TOML says.

    Raises:
        ValueError: In words that go on after ``FILE: ``; a password is not among them.
    """
    try:
        found = msgspec.convert(content, Configuration)
    except msgspec.ValidationError as error:
        raise ValueError(_plainly(str(error))) from error
    network = found.network
    keep_secrets((network.proxy, network.package_index, *network.wheel_folders))
    _check_url("proxy", network.proxy, ("http", "https"))
    _check_url("package_index", network.package_index, ("http", "https", "file"))
    for host in network.no_proxy:
        if not host or "://" in host or re.search(r"[\s,]", host):
            message = f"no_proxy has {host!r}, which is no host: write each one as a text of its own, without a scheme"
            raise ValueError(message)
    if network.registry_mirror and read_registry(network.registry_mirror) is None:
        message = f"registry_mirror is {masked(network.registry_mirror)!r}, which is no HOST[:PORT][/PATH]"
        raise ValueError(message)
    if network.registry_mirror and network.base_image:
        message = "base_image and registry_mirror both say where the base image is: keep one"
        raise ValueError(message)
    for folder in network.wheel_folders:
        if not folder or "," in folder:
            message = f"wheel_folders has {masked(folder)!r}: a folder's name is not empty and has no comma"
            raise ValueError(message)
    return found


def variables_of(network: Network, environ: Mapping[str, str], public_base: str) -> dict[str, str]:
    """The variables to add to an environment; those that it has, under any name that the clients know, stay.

    Args:
        network: The block, with paths that are absolute.
        environ: The environment.
        public_base: The base image on Docker Hub, without an owner.
    """
    wanted: dict[str, str] = {}
    if network.proxy:
        wanted |= dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), network.proxy)
    if network.proxy or network.no_proxy:
        wanted |= dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(dict.fromkeys((*network.no_proxy, *_LOOPBACK))))
    if network.ca_bundle:
        wanted |= dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), network.ca_bundle)
    if network.package_index:
        wanted["UV_DEFAULT_INDEX"] = network.package_index
    if network.wheel_folders:
        wanted["UV_FIND_LINKS"] = ",".join(network.wheel_folders)
    if network.base_image:
        wanted[BASE_IMAGE_VARIABLE] = network.base_image
    elif network.registry_mirror and (mirror := read_registry(network.registry_mirror)):
        wanted[BASE_IMAGE_VARIABLE] = f"{mirror}/{_HUB_IMAGES}/{public_base}"
    return {name: text for name, text in wanted.items() if not any(environ.get(other) for other in _WINS[name])}


def keep_secrets(urls: tuple[str, ...]) -> None:
    """Keep what stands before the host of these URLs out of everything that is written."""
    for url in urls:
        before, at, _ = url.rpartition("://")[2].partition("/")[0].rpartition("@")
        if at:
            _, _, password = before.partition(":")
            for text in (before, unquote(before), password, unquote(password)):
                Secret(text)


def secrets_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The URLs of an environment that may hold a password."""
    named = (environ.get(name, "") for name in (*_PROXIES, *_INDEXES, *_MORE_INDEXES, *_FOLDERS))
    return tuple(part for text in named for part in re.split(r"[\s,]+", text) if "@" in part)


def masked(url: str) -> str:
    """An URL fit to be shown: without a password, and without a name, which may be a token."""
    scheme, separator, rest = url.rpartition("://")
    before, at, host = rest.rpartition("@")
    return f"{scheme}{separator}{MASK}@{host}" if at and before else url


def _check_url(name: str, url: str, schemes: tuple[str, ...]) -> None:
    if not url:
        return
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        port, host, parts = None, None, urlsplit("")
    if parts.scheme not in schemes or not (host or parts.scheme == "file") or port == 0 or re.search(r"\s", url):
        message = f"{name} is {masked(url)!r}, which is no URL with {' or '.join(f'{one}://' for one in schemes)}"
        raise ValueError(message)


def _plainly(said: str) -> str:
    """What msgspec says of a value, with the value's name in front."""
    text, _, place = said.partition(" - at `$.")
    where = place.rstrip("`").removeprefix("network.").removeprefix("network")
    return f"{where or 'the file'}: {text[:1].lower()}{text[1:]}"
