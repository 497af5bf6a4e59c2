"""Boxes whose image is this machine's own Python."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from migrate.boxes import bubblewrap
from migrate.boxes.view import Mount, Root
from migrate.images.trial.box.boxes import Boxes

MEGABYTE = 1 << 20
IMAGE = "sha256:of-this-machine"


def host_root(folder: Path, probe: Path | None = None) -> Root:
    """The root of an image that has /usr of this machine, and modules of the test's own at /probe."""
    folder.mkdir()
    mounts = [Mount(Path("/usr"), "/usr")]
    for name in ("bin", "lib", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            (folder / name).symlink_to(path.readlink())
        elif path.is_dir():
            mounts.append(Mount(path, str(path)))
    paths = ["/usr/bin", "/bin"]
    if shutil.which("python3", path=":".join(paths)) is None:
        mounts.append(Mount(Path(sys.base_prefix), sys.base_prefix))
        paths.insert(0, f"{sys.base_prefix}/bin")
    environment = {"PATH": ":".join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    if probe is not None:
        mounts.append(Mount(probe, "/probe"))
        environment["PYTHONPATH"] = "/probe"
    return Root(path=folder, environment=environment, mounts=tuple(mounts))


def boxes_of(folder: Path, probe: Path | None = None) -> Boxes:
    """Boxes of one image; skips the test where there can be none."""
    if why := bubblewrap.why_not():
        pytest.skip(f"no boxes here: {why}")
    root = host_root(folder / "root", probe)
    return Boxes({IMAGE: root}.__getitem__, folder / "store")


def as_ordinary_user(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Python run by a user without rights, with this environment's packages; skips the test where that cannot be.

    Only for root. The user needs no name: 54321 is nobody's.
    """
    python = next((path for path in (sys.executable, "/usr/bin/python3") if _usable(path)), None)
    if python is None:
        pytest.skip("no Python of this version that an ordinary user may run")
    with tempfile.TemporaryDirectory(prefix="ordinary-", dir="/var/tmp") as home:
        os.chown(home, 54321, 54321)
        return subprocess.run(
            [*_ORDINARY, python, *arguments], capture_output=True, text=True, check=False, cwd=home,
            env={"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home, **_PACKAGES},
        )  # fmt: skip


# The shell between them has no rights left: setpriv itself would still find programs that only root may.
_ORDINARY = (
    *("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "--inh-caps=-all", "--"),
    *("sh", "-c", 'exec "$@"', "sh"),
)
_CHECKOUT = Path(__file__).parents[4]
_PACKAGES = {
    "PYTHONPATH": os.pathsep.join([str(_CHECKOUT), *(path for path in sys.path if path.endswith("site-packages"))]),
    "PYTHONDONTWRITEBYTECODE": "1",
}


def _usable(python: str) -> bool:
    version = f"import sys, msgspec; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    environment = {"PATH": os.environ["PATH"], **_PACKAGES}
    done = subprocess.run(
        [*_ORDINARY, python, "-c", version], capture_output=True, check=False, env=environment, cwd="/"
    )
    return done.returncode == 0


def _main() -> None:
    """A box whose user is told, and one that is ended for its memory."""
    with tempfile.TemporaryDirectory() as folder:
        boxes = boxes_of(Path(folder))
        tell = "import os\nfor line in iter(input, None): print(os.getuid(), flush=True)"
        with (
            boxes.start(IMAGE, None, purpose="test", memory=512 * MEGABYTE) as trial,
            trial.exchange([tell], inline=True) as exchange,
        ):
            sys.stdout.write(f"{exchange.ask(0, timeout=200)}\n")
        eat = "import time\neaten = [bytearray(10 << 20) for _ in range(40)]\ntime.sleep(60)"
        with boxes.start(IMAGE, ("python3", "-c", eat), purpose="test", memory=128 * MEGABYTE) as trial:
            while (end := trial.ending()) is None:
                pass
            sys.stdout.write(f"{end.code} {trial.overrun}\n")


if __name__ == "__main__":
    _main()
