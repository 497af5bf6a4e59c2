"""A base image made from Debian's packages, for machines that reach a package mirror and no container registry.

The mirror, its proxy and its keys are the ones that this machine's apt uses. The image has a name of its own: under
the official image's name it would shadow that one on a developer's machine (decisions: The base's name).
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import platformdirs
from msgspec.structs import replace

from migrate.core.errors import LocalError
from migrate.images.base.debian import (
    CHANGES,
    DROPPED,
    PACKAGES,
    PATH,
    PYTHONS,
    RECIPE,
    apt_proxies,
    apt_sources,
)
from migrate.images.engine import tarstream
from migrate.images.engine.connection import PLATFORM, Engine, engine_error, last_error, translated
from migrate.images.engine.transfer import message_of
from migrate.machine.locks import exclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY: Final = "migrate-base"

_STAGES: Final = re.compile(r"I: (Retrieving|Validating|Extracting|Unpacking|Configuring)\b")
_NEXT_STEP: Final = (
    "Name a base image that this engine can pull with --base-image, or (Debian, as root) install debootstrap."
)


def existing(engine: Engine) -> str | None:
    """The reference of a base image that was bootstrapped by this version of the recipe, if the engine has one."""
    ours = (name for name in engine.names() if name.startswith(f"{REPOSITORY}:") and name.endswith(f"-{RECIPE}"))
    return min(ours, default=None)


def bootstrap(engine: Engine, progress_text: Callable[[str], None]) -> str:
    """Make the base image from Debian's packages and return its reference. Takes about a minute.

    Raises:
        LocalError: This machine cannot (code ``base-unusable``); the sentence says what is missing.
    """
    release, sources = apt_sources()
    mirror = next((uri for uri, suite, _ in sources if suite == release), None)
    if shutil.which("debootstrap") is None or os.geteuid() != 0 or mirror is None or release not in PYTHONS:
        raise LocalError(
            "There is no base image: none can be pulled, and bootstrapping one needs Debian 12 or 13, root and "
            "debootstrap.",
            code="base-unusable",
            next_step=_NEXT_STEP,
        )
    with exclusive(platformdirs.user_state_path("mlserving-migrate") / "bootstrap.lock"):
        made = existing(engine)
        if made is not None:
            return made
        progress_text(f"bootstrapping a base image from Debian {release}'s packages (about a minute)")
        with tempfile.TemporaryDirectory(prefix="migrate-base-", dir="/var/tmp") as folder:
            root = Path(folder) / "root"
            _debootstrap(root, release, mirror, progress_text)
            _upgrade(root, sources, progress_text)
            _compile(root)
            progress_text("importing the base image")
            return _import(engine, root, f"{release}-{PYTHONS[release]}-{RECIPE}")


def _debootstrap(root: Path, release: str, mirror: str, progress_text: Callable[[str], None]) -> None:
    command = ["debootstrap", "--variant=minbase", f"--arch={PLATFORM.partition('/')[2]}"]
    command += [f"--include={','.join(PACKAGES)}", release, str(root), mirror]
    environment = {**os.environ, **apt_proxies()}
    last: list[str] = []
    stages: set[str] = set()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            last = [*last[-4:], line.strip()]
            found = _STAGES.match(line)
            if found and found[1] not in stages:
                stages.add(found[1])
                progress_text(f"bootstrapping the base image: {found[1].lower()} packages")
    if process.returncode:
        raise LocalError(
            f"debootstrap failed: {' / '.join(last)}", code="base-unusable", next_step="See that apt-get update works."
        )


def _upgrade(root: Path, sources: tuple[tuple[str, str, str], ...], progress_text: Callable[[str], None]) -> None:
    """Install the updates of the release (security fixes): debootstrap knows the release itself only."""
    others = [source for source in sources if not _is_release(root, source[1])]
    if not others:
        return
    progress_text("bootstrapping the base image: installing security updates")
    listing = root / "etc/apt/sources.list"
    trusted = root / "etc/apt/99migrate-ca.crt"
    extra = root / "etc/apt/apt.conf.d/99migrate"
    try:
        listing.write_text("".join(f"deb {uri} {suite} {part}\n" for uri, suite, part in sources), encoding="utf-8")
        bundle = os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
        if Path(bundle).is_file():
            shutil.copyfile(bundle, trusted)
            extra.write_text('Acquire::https::CAInfo "/etc/apt/99migrate-ca.crt";\n', encoding="utf-8")
        for name in ("etc/resolv.conf", "etc/hosts"):
            if Path("/", name).is_file():
                shutil.copyfile(Path("/", name), root / name)
        environment = {"PATH": PATH, "DEBIAN_FRONTEND": "noninteractive", **apt_proxies()}
        for arguments in (["update"], ["-y", "--no-install-recommends", "dist-upgrade"]):
            subprocess.run(
                ["chroot", str(root), "apt-get", "-q", *arguments],
                env=environment, check=True, capture_output=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
    except subprocess.CalledProcessError as error:
        last = (error.stderr or b"").decode("utf-8", "replace").strip().splitlines()[-1:]
        progress_text(f"the updates could not be installed, the base image stays at the release itself ({last})")
    finally:
        listing.unlink(missing_ok=True)
        trusted.unlink(missing_ok=True)
        extra.unlink(missing_ok=True)


def _is_release(root: Path, suite: str) -> bool:
    lines = (root / "etc/os-release").read_text(encoding="utf-8").splitlines()
    return f"VERSION_CODENAME={suite}" in lines


def _compile(root: Path) -> None:
    """Byte-code that does not depend on the sources' times, which the image normalises: imports stay quick."""
    for cache in root.glob("usr/lib/python3*/**/__pycache__"):
        shutil.rmtree(cache)
    folders = [f"/{path.relative_to(root)}" for path in sorted(root.glob("usr/lib/python3*"))]
    compile_all = ["python3", "-m", "compileall", "-q", "-f", "--invalidation-mode=unchecked-hash", *folders]
    subprocess.run(
        ["chroot", str(root), *compile_all], env={"PATH": PATH, "PYTHONHASHSEED": "0"}, check=True, capture_output=True
    )


def _import(engine: Engine, root: Path, tag: str) -> str:
    data = tarstream.archive(_entries(root))
    identity = ""

    def heard(message: dict[str, Any]) -> None:
        nonlocal identity
        identity = str(message.get("status") or "")

    with translated():
        # Named in a second call: Podman takes the name of an import and leaves its tag out.
        said: str = engine.client.api.import_image_from_data(data, changes=list(CHANGES))
        failure = last_error(map(message_of, said.splitlines()), heard)
        if failure is not None:
            raise engine_error(failure)
        engine.client.api.tag(identity, REPOSITORY, tag=tag)
    return f"{REPOSITORY}:{tag}"


def _entries(root: Path) -> Iterator[tarstream.Entry]:
    """The file system as it is, less what an image does not need; owners and modes kept, times fixed."""
    first_of: dict[tuple[int, int], str] = {}
    for path in sorted(root.rglob("*"), key=lambda found: found.relative_to(root).parts):
        name = path.relative_to(root).as_posix()
        if DROPPED.fullmatch(name):
            continue
        state = path.lstat()
        entry = tarstream.Entry(name=name, mode=stat.S_IMODE(state.st_mode), uid=state.st_uid, gid=state.st_gid)
        if stat.S_ISDIR(state.st_mode):
            yield replace(entry, kind=tarfile.DIRTYPE)
        elif stat.S_ISLNK(state.st_mode):
            yield replace(entry, kind=tarfile.SYMTYPE, link=str(path.readlink()))
        elif stat.S_ISREG(state.st_mode):
            first = first_of.setdefault((state.st_dev, state.st_ino), name)
            if first == name:
                yield replace(entry, source=path, size=state.st_size)
            else:
                yield replace(entry, kind=tarfile.LNKTYPE, link=first)
