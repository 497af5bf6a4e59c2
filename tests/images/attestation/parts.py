"""The parts of an image, for the tests of this folder."""

import hashlib

from migrate.images.attestation.debian import BaseContents
from migrate.images.attestation.lock import as_wheels, counting, parse_lock
from migrate.images.attestation.made_of import BasePart, LockFile, MadeOf, ModelPart, Subject
from migrate.images.runtime.templates import templates_folder
from tests.images.conftest import IRIS, model_of

HOSTILE = '../../x"\nRUN nowhere \udcff'
OS_RELEASE = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
STATUS = """\
Package: zlib1g
Status: install ok installed
Source: zlib
Architecture: amd64
Version: 1:1.2.13.dfsg-1
Description: compression library - runtime
 zlib is a library.
 Version: not a field

Package: libc6
Status: install ok installed
Source: glibc (2.36-9)
Architecture: amd64
Version: 2.36-9+deb12u10

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""


def lock_text(runtime: str) -> str:
    return templates_folder().joinpath(runtime, "requirements.lock").read_text(encoding="utf-8")


def made_of(runtime: str = "onnx", *, status: str | None = STATUS, python: str = "3.11", name: str = HOSTILE) -> MadeOf:
    model = model_of(IRIS)
    lock = lock_text(runtime)
    return MadeOf(
        subject=Subject(name="registry.example.com/p/iris:1-abc", digest=f"sha256:{'a' * 64}", kind="manifest"),
        platform="linux/amd64",
        runtime=runtime,
        base=BasePart(
            reference="python:3.11-slim-bookworm",
            digest=f"sha256:{'b' * 64}",
            contents=BaseContents(python=f"{python}.2", os_release=OS_RELEASE, status=status),
        ),
        wheels=as_wheels(counting(parse_lock(lock), python), None),
        wheels_read=False,
        locks=(LockFile(runtime=runtime, digest=f"sha256:{hashlib.sha256(lock.encode()).hexdigest()}"),),
        server=f"sha256:{'c' * 64}",
        tool_version="1.2.3",
        models=(ModelPart(id=name, artifact=model.artifact, inspection=model.inspection),),
    )
