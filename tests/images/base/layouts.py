"""Images written by hand into layouts: what a registry or another program could hand over, good and bad."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIGURATION = "application/vnd.oci.image.config.v1+json"
AMD64 = {"os": "linux", "architecture": "amd64"}


class Made:
    """An entry of a layer: a file of these bytes, or another kind."""

    def __init__(self, name: str, data: bytes = b"", *, mode: int = 0o644, **fields: Any) -> None:
        self.info = tarfile.TarInfo(name)
        self.info.size, self.info.mode, self.info.mtime = len(data), mode, 1_000_000_000
        for field, value in fields.items():
            setattr(self.info, field, value)
        self.data = data


def folder(name: str, mode: int = 0o755) -> Made:
    return Made(name, type=tarfile.DIRTYPE, mode=mode)


def link(name: str, target: str) -> Made:
    return Made(name, type=tarfile.SYMTYPE, linkname=target)


def hard(name: str, target: str) -> Made:
    return Made(name, type=tarfile.LNKTYPE, linkname=target)


def packed(*entries: Made) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            archive.addfile(entry.info, io.BytesIO(entry.data))
    return data.getvalue()


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Layout:
    """A layout in a folder, to which images are added."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "blobs/sha256").mkdir(parents=True)
        self.manifests: list[dict[str, Any]] = []
        self.save()

    def blob(self, data: bytes, media_type: str) -> dict[str, Any]:
        digest = digest_of(data)
        (self.path / "blobs/sha256" / digest.removeprefix("sha256:")).write_bytes(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def document(self, value: object, media_type: str) -> dict[str, Any]:
        return self.blob(json.dumps(value).encode(), media_type)

    def image(
        self,
        *layers: bytes,
        environment: list[str] | None = None,
        platform: dict[str, str] | None = None,
        facts: dict[str, Any] | None = None,
        media_type: str = GZIP,
    ) -> dict[str, Any]:
        """The descriptor of an image of these tar archives, which is not in the index yet."""
        blobs = [
            self.blob(gzip.compress(data, mtime=0) if media_type.endswith("gzip") else data, media_type)
            for data in layers
        ]
        configuration = {
            **(platform or AMD64),
            "config": {"Env": environment or ["PATH=/usr/local/bin:/usr/bin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(data) for data in layers]},
            **(facts or {}),
        }
        manifest = {"schemaVersion": 2, "config": self.document(configuration, CONFIGURATION), "layers": blobs}
        return self.document(manifest, MANIFEST)

    def add(self, descriptor: dict[str, Any], platform: dict[str, str] | None = None) -> None:
        self.manifests.append({**descriptor, **({"platform": platform} if platform else {})})
        self.save()

    def save(self) -> None:
        (self.path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (self.path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self.manifests}))

    def archive(self, target: Path) -> Path:
        with tarfile.open(target, "w") as made:
            for path in sorted(self.path.rglob("*")):
                made.add(path, f"./{path.relative_to(self.path)}", recursive=False)
        return target


ELF = b"\x7fELF\x02\x01" + bytes(12) + (62).to_bytes(2, "little") + bytes(44)
LIBC = ELF + bytes(400_000) + b"GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n" + bytes(100)


def debian(python: str = "python3.11", machine: int = 62, libc: bytes = LIBC) -> list[Made]:
    """What tells of a base, as Debian has it: merged /usr and links."""
    return [
        folder("usr"),
        folder("usr/bin"),
        link("bin", "usr/bin"),
        link("lib", "usr/lib"),
        link("usr/bin/python3", python),
        Made(f"usr/bin/{python}", ELF[:18] + machine.to_bytes(2, "little") + ELF[20:], mode=0o755),
        Made("usr/lib/x86_64-linux-gnu/libc.so.6", libc, mode=0o755),
    ]
