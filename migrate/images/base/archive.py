"""A base image made from Debian's packages as an OCI archive: without an engine, and by an ordinary user.

``mmdebstrap`` makes the file system in name spaces of the kernel and writes it as a tar archive, from this machine's
own package mirror. That archive becomes the one layer of the image, less what an image does not need, with fixed times
and in a fixed order: the same packages give the same bytes on every machine. mmdebstrap(1), "unshare".

python -m migrate.images.base.archive     make sure that it is there, readable by all (for scripts/setup)
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

import msgspec
import platformdirs

from migrate.core.errors import LocalError, MigrateError
from migrate.core.text import printable
from migrate.images.base import debian
from migrate.images.base.stored import PREFIX
from migrate.images.engine import tarstream
from migrate.images.engine.connection import PLATFORM
from migrate.images.oci.blobs import CONFIGURATION, LAYER_GZIP, MANIFEST
from migrate.images.oci.compression import SMALL, compress
from migrate.machine.disk import disk_errors
from migrate.machine.locks import exclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHARED: Final = Path("/var/cache/mlserving-migrate")
"""Where root of this machine leaves the archive for every user."""

_CREATED: Final = "1980-01-01T00:00:00Z"
# Byte-code that does not depend on the sources' times, which the image does not keep: imports stay quick.
_COMPILE: Final = (
    'find "$1"/usr/lib/python3* -name __pycache__ -prune -exec rm -r {} + && cd "$1" && '
    "chroot . env -i PATH=/usr/bin:/bin PYTHONHASHSEED=0 "
    "sh -c 'python3 -m compileall -q -f --invalidation-mode=unchecked-hash /usr/lib/python3*'"
)


def existing() -> Path | None:
    """The archive that was made by this version of the recipe: root's for every user, or this user's own."""
    found = (path for folder in (SHARED, _own()) for path in folder.glob(f"*-{debian.RECIPE}.oci.tar"))
    return min((path for path in found if os.access(path, os.R_OK)), default=None)


def bootstrap(progress_text: Callable[[str], None]) -> Path:
    """The archive, made where it is missing, which takes about a minute.

    Raises:
        LocalError: This machine cannot (code ``base-unusable``); the sentence says what is missing.
    """
    release, sources = debian.apt_sources()
    lacks = [name for name in ("mmdebstrap", *(() if os.geteuid() == 0 else ("newuidmap",))) if not shutil.which(name)]
    if release not in debian.PYTHONS or not sources:
        raise _impossible("making one needs Debian 12 or 13 and its package mirror")
    if lacks:
        raise _impossible(f"making one needs {' and '.join(lacks)}")
    folder = SHARED if os.geteuid() == 0 else _own()
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with exclusive(folder / "bootstrap.lock"):
            made = existing()
            if made is not None:
                return made
            progress_text(f"making a base image from Debian {release}'s packages (about a minute)")
            with tempfile.TemporaryDirectory(prefix="migrate-base-", dir="/var/tmp") as scratch:
                system = Path(scratch) / "system.tar"
                _debootstrap(system, release, sources)
                target = folder / f"{release}-{debian.PYTHONS[release]}-{debian.RECIPE}.oci.tar"
                part = folder / f".{target.name}.{os.getpid()}"
                try:
                    with system.open("rb") as read:
                        write_archive(read, part, Path(scratch))
                    part.chmod(0o644)
                    part.rename(target)
                finally:
                    part.unlink(missing_ok=True)
    return target


def write_archive(system: IO[bytes], target: Path, scratch: Path) -> None:
    """The OCI archive of an image of one layer.

    Args:
        system: The tar archive of a file system.
        target: Where the archive is written.
        scratch: A folder for the layer.

    Raises:
        LocalError: The disk is full, or it is no tar archive (code ``base-unusable``).
    """
    layer = scratch / "layer.tar.gz"
    plain = hashlib.sha256()

    def uncompressed() -> Iterator[bytes]:
        for piece in _layer(system):
            plain.update(piece)
            yield piece

    with layer.open("wb") as file:
        try:
            file.writelines(compress(uncompressed(), SMALL))
        except tarfile.TarError as error:
            raise _impossible(f"what mmdebstrap wrote is damaged ({error})") from error
    with layer.open("rb") as made:
        packed = hashlib.file_digest(made, "sha256")
    size = layer.stat().st_size
    configuration = _json(
        {
            "os": "linux",
            "architecture": PLATFORM.partition("/")[2],
            "created": _CREATED,
            "config": {
                "Env": list(debian.ENVIRONMENT),
                "Cmd": [debian.COMMAND],
                "Labels": dict([debian.LABEL]),
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{plain.hexdigest()}"]},
            "history": [{"created": _CREATED, "created_by": "mmdebstrap"}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _described(configuration, CONFIGURATION),
            "layers": [{"mediaType": LAYER_GZIP, "digest": f"sha256:{packed.hexdigest()}", "size": size}],
        }
    )
    index = _json({"schemaVersion": 2, "manifests": [_described(manifest, MANIFEST)]})
    entries = [
        tarstream.content("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
        tarstream.content("index.json", index),
        tarstream.folder("blobs"),
        tarstream.folder("blobs/sha256"),
        tarstream.content(_named(configuration), configuration),
        tarstream.content(_named(manifest), manifest),
        tarstream.Entry(name=f"blobs/sha256/{packed.hexdigest()}", mode=tarstream.FILE_MODE, source=layer, size=size),
    ]
    with target.open("wb") as file:
        for piece in tarstream.archive(entries):
            file.write(piece)


def _debootstrap(target: Path, release: str, sources: tuple[tuple[str, str, str], ...]) -> None:
    mode = "root" if os.geteuid() == 0 else "unshare"
    command = ["mmdebstrap", f"--mode={mode}", "--variant=minbase", f"--architectures={PLATFORM.partition('/')[2]}"]
    command += ["--format=tar", f"--include={','.join(debian.PACKAGES)}", f"--customize-hook={_COMPILE}"]
    bundle = os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
    if any(uri.startswith("https:") for uri, _, _ in sources) and Path(bundle).is_file():
        command.append(f'--aptopt=Acquire::https::CAInfo "{bundle}"')
    lines = [f"deb {uri} {suite} {part}" for uri, suite, part in sources]
    environment = {**os.environ, **debian.apt_proxies(), "SOURCE_DATE_EPOCH": str(tarstream.FIXED_TIME)}
    with target.open("wb") as file:
        done = subprocess.run(
            [*command, release, "-", *lines], env=environment, stdin=subprocess.DEVNULL, stdout=file,
            stderr=subprocess.PIPE, check=False, cwd="/",
        )  # fmt: skip
    if done.returncode:
        said = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.startswith("E:")]
        words = printable(" / ".join(said[:3]) or "it said nothing", 600)
        raise _impossible(f"mmdebstrap failed ({words})")


def _layer(system: IO[bytes]) -> Iterator[bytes]:
    """The bytes of the layer: entries in their order, owners and modes kept, times fixed."""
    with tarfile.open(fileobj=cast("Any", system), mode="r|", bufsize=1 << 20) as packed:
        for info in packed:
            cast("Any", packed).members = []
            name = info.name.removeprefix("./").rstrip("/")
            if name in ("", ".") or debian.DROPPED.fullmatch(name) or info.isdev():
                continue
            made = tarfile.TarInfo(name)
            made.type, made.mode, made.uid, made.gid = info.type, info.mode, info.uid, info.gid
            made.mtime, made.linkname = (
                tarstream.FIXED_TIME,
                info.linkname.removeprefix("./") if info.islnk() else info.linkname,
            )
            made.size = info.size if info.isreg() else 0
            yield made.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
            data = packed.extractfile(info) if info.isreg() else None
            while data is not None and (piece := data.read(tarstream.CHUNK)):
                yield piece
            if made.size % tarfile.BLOCKSIZE:
                yield bytes(tarfile.BLOCKSIZE - made.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _own() -> Path:
    return platformdirs.user_cache_path("mlserving-migrate") / "base"


def _json(value: object) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def _described(data: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}


def _named(data: bytes) -> str:
    return f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"


def _impossible(why: str) -> LocalError:
    return LocalError(
        f"There is no base image, and {why}.",
        code="base-unusable",
        next_step=f"Name one with --base-image, such as {PREFIX}PATH of an OCI archive that another machine made.",
    )


def main() -> int:
    """Make sure that the archive is there, for ``scripts/setup``."""

    def say(text: str) -> None:
        sys.stderr.write(f"setup: {text}\n")

    try:
        path = existing() or bootstrap(say)
    except MigrateError as error:
        sys.stderr.write(f"setup: {error.what} {error.next_step}\n")
        return int(error.exit_code)
    sys.stdout.write(f"{PREFIX}{path}\n" if os.isatty(1) else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
