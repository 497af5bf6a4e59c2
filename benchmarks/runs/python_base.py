"""One base image for all sides, made anew for each measurement, so that nothing built before stands in a cache."""

import http.server
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from migrate.images.base.fit import PYTHONS
from migrate.images.base.image import locate_base
from migrate.images.engine.connection import Engine, connect

_REQUIREMENTS: Final = Path(__file__).parent / "shell" / "requirements.txt"
_NEWEST_GLIBC: Final = 28  # 2.28, as for this tool's own runtimes
_DOCKERFILE: Final = """\
FROM {base}
LABEL bench-run={mark}
ENV PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
COPY pip /tmp/pip
RUN command -v pip || python3 /tmp/pip/{wheel}/pip install --no-index /tmp/pip/{wheel}
"""


def fetch_wheels(folder: Path, requirements: Path = _REQUIREMENTS) -> None:
    """Download pip and what the shell script's image needs, from where pip is told on this machine."""
    _download(folder / "pip", "pip")
    _download(folder / "wheels", "--requirement", str(requirements), "--python-version", PYTHONS[0], *_platforms())


def _platforms() -> Iterator[str]:
    for number in range(17, _NEWEST_GLIBC + 1):
        yield from ("--platform", f"manylinux_2_{number}_x86_64")
    yield from ("--platform", "manylinux2014_x86_64")


def _download(folder: Path, *what: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "-qq", "--only-binary", ":all:", "--dest", str(folder)]
    subprocess.run([*command, *what], check=True)


@contextmanager
def base_image(folder: Path) -> Iterator[str]:
    """The reference of the tool's own base image with pip in it, under a name and an id of its own.

    Args:
        folder: Where ``fetch_wheels`` has put pip.
    """
    engine = connect(os.environ)
    reference = f"migrate-bench:{uuid.uuid4().hex[:12]}"
    try:
        _build(engine, folder, reference)
        yield reference
    finally:
        subprocess.run(["docker", "rmi", "--force", reference], check=False, capture_output=True)
        engine.close()


def _build(engine: Engine, folder: Path, reference: str) -> None:
    located = locate_base(engine, None, lambda text: print(text, file=sys.stderr))
    (wheel,) = (folder / "pip").glob("pip-*.whl")
    text = _DOCKERFILE.format(base=located.reference, mark=reference.rpartition(":")[2], wheel=wheel.name)
    (folder / "Dockerfile").write_text(text, encoding="utf-8")
    command = ["docker", "build", "--quiet", "--network", "none", "--file", str(folder / "Dockerfile")]
    subprocess.run([*command, "--tag", reference, str(folder)], check=True, capture_output=True)


@contextmanager
def wheels_over_http(folder: Path) -> Iterator[Mapping[str, str]]:
    """What tells a pip on this machine's network to take its packages from a folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_address[1]}"
    try:
        yield {"PIP_FIND_LINKS": f"http://{address}/", "PIP_NO_INDEX": "1", "PIP_TRUSTED_HOST": address}
    finally:
        server.shutdown()
        server.server_close()
