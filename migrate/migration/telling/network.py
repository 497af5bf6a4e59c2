"""Every host that commands about a source contact, and why, from the configuration alone: nobody is asked."""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from requests.utils import should_bypass_proxies

from migrate.core.errors import ConfigurationError
from migrate.core.looking import Contact, Contacts
from migrate.core.options.sources import NetworkOptions
from migrate.core.text import printable
from migrate.images.base.image import PUBLIC_BASE
from migrate.images.engine.references import check_reference
from migrate.images.runtime.uv_settings import uv_environment
from migrate.images.runtime.wheels import TORCH_VARIABLE, TORCH_WHEELS
from migrate.ovhcloud.client import token_url
from migrate.ovhcloud.config import endpoint_url
from migrate.sources.aws import FOUND_BY_THE_CLIENT, read_account
from migrate.sources.reference import BucketRef, ContainerRef, InventoryRef, NamespaceRef, SourceRef, parse_source

_HUB: Final = ("registry-1.docker.io", "auth.docker.io")
_INDEX: Final = ("pypi.org", "files.pythonhosted.org")  # uv's own default
_OF_API: Final = "(as OVHcloud's API answers)"
_ASKING: Final = ("login", "doctor", "list", "status", "plan", "apply", "run", "undo", "logout")
_MOVING: Final = ("run", "apply")
_SENDING: Final = ("doctor", *_MOVING)
_READING: Final = ("list", "plan", *_MOVING)
_BUILDING: Final = ("run", "apply", "build", "export")
_UNAIDED: Final = ("doctor", "run", "apply", "build")
_ENGINE: Final = "the engine"


def contacts(options: NetworkOptions, environ: Mapping[str, str]) -> Contacts:
    """The hosts, each once for each reason.

    Raises:
        UsageError: The source, or the base image, is none.
        ConfigurationError: The endpoint is none.
    """
    source = parse_source(options.source) if options.source is not None else None
    found = (
        *_of_api(environ),
        *_of_source(source, environ),
        *_of_registry(options, environ),
        *_of_packages(environ),
        *_of_base(options.base_image, environ),
        *_of_engine(environ),
    )
    proxies = tuple(
        Contact(host=host, why="the proxy: what goes through it", commands=_of(found, host), via="direct")
        for host in dict.fromkeys(one.via.removeprefix("proxy ") for one in found if one.via.startswith("proxy "))
    )
    return Contacts(contacts=(*found, *proxies))


def _of(found: tuple[Contact, ...], proxy: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in found if one.via == f"proxy {proxy}" for name in one.commands))


def _of_api(environ: Mapping[str, str]) -> Iterator[Contact]:
    url = endpoint_url(environ)
    if url is None:
        yield Contact(
            host="(as OVH_ENDPOINT or ovh.conf names it)", why="OVHcloud's API; none is configured", commands=_ASKING,
            via="direct",
        )  # fmt: skip
        return
    yield _at(url, "OVHcloud's API: the project, its storage, apps and tokens", _ASKING, environ)
    if environ.get("OVH_CLIENT_ID"):
        yield _at(token_url(url), "the token of the service account (OAuth2)", _ASKING, environ)
    yield _told("the new apps: the proof asks each for its answers", _MOVING, environ)
    yield _told("the old endpoint of each model, with --old-token-file alone", _MOVING, environ)


def _of_source(source: SourceRef | None, environ: Mapping[str, str]) -> Iterator[Contact]:
    match source:
        case None | ContainerRef() | NamespaceRef() | InventoryRef():
            yield _told("object storage: listings and the models' files, of Swift and of S3", _READING, environ)
        case BucketRef():
            yield from _of_bucket(environ)
        case _:
            pass  # a folder of this machine


def _of_bucket(environ: Mapping[str, str]) -> Iterator[Contact]:
    if any(environ.get(name) for name in FOUND_BY_THE_CLIENT):
        yield Contact(host="(as AWS_* names it)", why="temporary S3 keys", commands=_READING, via="direct")
    try:
        account = read_account(environ)
    except ConfigurationError as error:
        host = "(as AWS_ENDPOINT_URL or the profile names it)"
        yield Contact(host=host, why=f"the S3 bucket. {error.what}", commands=_READING, via="direct")
        return
    endpoint = account.endpoint or f"https://s3.{account.region or 'us-east-1'}.amazonaws.com"
    yield _at(endpoint, "the S3 bucket: its listing and the models' files", _READING, environ)


def _of_registry(options: NetworkOptions, environ: Mapping[str, str]) -> Iterator[Contact]:
    if options.registry is None:
        yield _told("the platform's shared registry: images, and its tokens", _SENDING, environ)
        host = _OF_API
    else:
        host = options.registry.partition("/")[0]
        yield _at(
            f"https://{host}",
            "the registry: what was pushed is read back; images, without an engine",
            _SENDING,
            environ,
        )
        yield Contact(
            host="(as the registry answers)", why="the registry's tokens, where it has a service for them",
            commands=_SENDING, via=_way("https", "", environ),
        )  # fmt: skip
    yield Contact(host=host, why="the registry: the engine pushes images", commands=_MOVING, via=_ENGINE)


def _of_packages(environ: Mapping[str, str]) -> Iterator[Contact]:
    """Where uv looks, with what pip is told on this machine; a page of links may name files of other hosts."""
    known = {**environ, **uv_environment(environ)}
    why = "the packages of a runtime that is not in the store yet"
    commands = ("doctor", *_BUILDING, "serve")
    links = known.get("UV_FIND_LINKS", "").split(",")
    more = known.get("UV_INDEX", known.get("UV_EXTRA_INDEX_URL", "")).split()
    urls = [text.rpartition("=")[2] if "=" in text.partition("://")[0] else text for text in (*more, *links)]
    if not known.get("UV_NO_INDEX"):
        default = known.get("UV_DEFAULT_INDEX") or known.get("UV_INDEX_URL") or ""
        urls = [default, *urls] if default else [*(f"https://{host}" for host in _INDEX), *urls]
    torch = known.get(TORCH_VARIABLE, "")
    if not torch and not (known.get("UV_FIND_LINKS") or known.get("UV_INDEX") or known.get("UV_NO_INDEX")):
        torch = TORCH_WHEELS
    for url in urls:
        if url.startswith(("http://", "https://")):
            yield _at(url, why, commands, known)
    if torch.startswith(("http://", "https://")):
        yield _at(torch, "PyTorch's build for CPUs, for its models alone", commands, known)


def _of_base(reference: str | None, environ: Mapping[str, str]) -> Iterator[Contact]:
    why = "the base image, where this machine does not have it; a registry may name other hosts for the layers"
    if reference is not None and reference.startswith("oci:"):
        return
    first, slash, _ = check_reference(reference or PUBLIC_BASE).partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    for host in (first,) if named else _HUB:
        yield _at(f"https://{host}", f"{why}; without an engine", _UNAIDED, environ)
        yield Contact(host=host, why=why, commands=_BUILDING, via=_ENGINE)
    if reference is None:
        yield Contact(
            host="(as this machine's apt is set up)", why="Debian's packages, where no registry has the base image",
            commands=_BUILDING, via="as apt is set up",
        )  # fmt: skip


def _of_engine(environ: Mapping[str, str]) -> Iterator[Contact]:
    """An engine elsewhere; the usual ones listen on a socket of this machine."""
    url = environ.get("DOCKER_HOST", "")
    if url.startswith(("tcp://", "http://", "https://", "ssh://")):
        host = printable(urlsplit(url).netloc.rpartition("@")[2], 300)
        yield Contact(
            host=host, why="the container engine", commands=("doctor", *_BUILDING, "undo"), via="as DOCKER_HOST says"
        )


def _told(why: str, commands: tuple[str, ...], environ: Mapping[str, str]) -> Contact:
    return Contact(host=_OF_API, why=why, commands=commands, via=_way("https", "", environ))


def _at(url: str, why: str, commands: tuple[str, ...], environ: Mapping[str, str]) -> Contact:
    parts = urlsplit(url)
    host = printable(parts.netloc.rpartition("@")[2], 300)
    return Contact(host=host, why=why, commands=commands, via=_way(parts.scheme, host, environ))


def _way(scheme: str, host: str, environ: Mapping[str, str]) -> str:
    """By which proxy, as ``requests``, obstore and uv decide it."""
    proxy = _first(environ, f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY")
    excluded = _first(environ, "no_proxy", "NO_PROXY")
    if not proxy or (host and should_bypass_proxies(f"{scheme}://{host}", excluded)):
        return "direct"
    return f"proxy {printable(proxy.rpartition('://')[2].rpartition('@')[2].rstrip('/'), 300)}"


def _first(environ: Mapping[str, str], *names: str) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")
