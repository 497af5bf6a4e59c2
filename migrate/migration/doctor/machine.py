"""This machine: an engine or none, the processor, the disk, the proxy, the certificates."""

import platform
import shutil
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from migrate.boxes import bubblewrap
from migrate.core.checkup import Check, wrong
from migrate.core.errors import ConfigurationError, LocalError
from migrate.core.options.access import DoctorOptions
from migrate.core.text import printable
from migrate.images.engine.connection import Engine, connect, translated
from migrate.images.trial import cpu
from migrate.machine.disk import disk_full
from migrate.migration.run.builder import may_do_without
from migrate.migration.run.workspace import Workspace

LEAST: Final = 1_000_000_000
"""Bytes without which no runtime can be made."""

USUAL: Final = 8_000_000_000
"""Bytes that the runtimes of all formats take, with some models."""

_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def engine_check(options: DoctorOptions, environ: Mapping[str, str]) -> tuple[Check, Engine | None]:
    """Who makes images here, and the engine, which the caller closes."""
    if options.builder == "none":
        return _without("none is asked for"), None
    try:
        engine = connect(environ)
        with translated():
            version = str(engine.client.version().get("Version", ""))
        name = "Podman" if engine.is_podman() else "Docker"
    except LocalError as error:
        if options.builder == "engine" or not may_do_without(error, environ):
            return wrong("engine", error), None
        return _without("none answers"), None
    return Check(name="engine", state="ok", text=f"{name} {printable(version, 40)}"), engine


def _without(why: str) -> Check:
    unable = bubblewrap.why_not()
    if not unable:
        text = f"{why}; this tool makes the images itself, and tries them out in boxes"
        return Check(name="engine", state="ok", text=text)
    return Check(
        name="engine",
        state="warning",
        text=f"{why}; this tool makes the images itself, and cannot try them out here: {unable}",
        next_step="Start Docker or Podman, or install bubblewrap; without, the proof on AI Deploy stands in its place.",
    )


def processor_check(engine: Engine | None) -> Check:
    """Whether what runs on AI Deploy can run here, to be tried out."""
    architecture = platform.machine()
    if engine is not None:
        with translated():
            architecture = str(engine.client.info().get("Architecture") or architecture)
    try:
        known = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        known = ""
    lacking = cpu.missing(architecture, known) if known else ""
    if not lacking:
        return Check(name="processor", state="ok", text=f"{architecture}, with AVX" if known else architecture)
    return Check(
        name="processor",
        state="warning",
        text=f"{lacking}: a model may fail to load here that runs on AI Deploy",
        next_step="Work on a machine with an x86-64 processor of 2012 or later, if a rehearsal fails.",
    )


def disk_check(workspace: Workspace, engine: Engine | None) -> Check:
    """The room where the workspace is, and where the engine keeps images, if that is this machine's."""
    places = [workspace.root]
    if engine is not None and (folder := engine.folder()) is not None:
        places.append(folder)
    free = {place: shutil.disk_usage(place).free for place in places}
    worst = min(free, key=lambda place: free[place])
    text = ", ".join(f"{size / 1e9:.1f} GB free in {printable(str(place), 200)}" for place, size in free.items())
    if free[worst] < LEAST:
        return wrong("disk", disk_full(worst, f"{free[worst] / 1e6:,.0f} MB are left, and a runtime takes 1 GB"))
    if free[worst] < USUAL:
        return Check(
            name="disk",
            state="warning",
            text=f"{text}; the runtimes of all formats take about {USUAL / 1e9:.0f} GB",
            next_step="Make room, or give another folder with --workspace.",
        )
    return Check(name="disk", state="ok", text=text)


def proxy_check(environ: Mapping[str, str]) -> Check:
    """The proxy that clients are told of, if any."""
    name = next((name for name in _PROXIES if environ.get(name)), None)
    if name is None:
        return Check(name="proxy", state="ok", text="none")
    text = environ[name]
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None:
        error = ConfigurationError(
            f"{name} is no address of a proxy.",
            code="bad-configuration",
            next_step=f"Correct {name}, or the proxy in the configuration file (docs/network.md).",
        )
        return wrong("proxy", error)
    return Check(name="proxy", state="ok", text=f"{printable(host, 200)}{f':{port}' if port else ''}, by {name}")


def certificates_check(environ: Mapping[str, str]) -> Check:
    """The authorities that this machine's clients are told to trust."""
    named = [(name, environ[name]) for name in _BUNDLES if environ.get(name)]
    for name, place in named:
        try:
            if Path(place).is_dir():
                continue
            ssl.create_default_context(cafile=place)
        except OSError as error:  # ssl.SSLError too
            why = "it holds no certificates" if isinstance(error, ssl.SSLError) else error.strerror
            problem = ConfigurationError(
                f"{name} is {printable(place, 300)}: {why}.",
                code="bad-configuration",
                next_step=f"Give {name} a file with the certificates of the authorities that you trust (PEM).",
            )
            return wrong("certificates", problem)
    by_place = {place: ", ".join(name for name, other in named if other == place) for _, place in named}
    text = "; ".join(f"{printable(place, 300)} (by {names})" for place, names in by_place.items())
    return Check(name="certificates", state="ok", text=text or "those that come with Python's packages")
