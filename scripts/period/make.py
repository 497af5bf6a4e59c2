"""Make model files with the libraries of ML Serving's years, and keep the answers of those libraries.

    python scripts/period/make.py [--only NAME,NAME] [--environments FOLDER] FOLDER

FOLDER gets ``models/LIBRARY-KIND/`` and ``expect/LIBRARY-KIND.json``, the form that ``make period`` reads; it must be
new. Each writer in ``writers/`` runs in an environment of its own: the interpreter of its time, looked for among
pyenv's versions and in PATH, with the packages of ``environments/NAME.lock``, which uv installs. A writer whose
interpreter is not on this machine is named and left out. PyTorch's environment takes 2.5 GB.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

import platformdirs

_HERE: Final = Path(__file__).parent


class Writer(NamedTuple):
    """A writer: what its models are called, and the environment and the Python that it runs in."""

    library: str
    environment: str
    python: str = "3.7"


WRITERS: Final = {
    "tokenizers": Writer("tok0.10.3", "tokenizers"),
    "sklearn": Writer("skl0.22.2", "sklearn"),
    "tensorflow": Writer("tf1.15.5", "tensorflow"),
    "keras": Writer("k2.2.4", "tensorflow"),
    "torch": Writer("t1.7.1", "fastai"),
    "fastai": Writer("fa2.5.3", "fastai"),
}


def main() -> int:
    """Make what can be made here; 1 when a writer was left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--only", default=",".join(WRITERS), help=f"of {', '.join(WRITERS)}")
    parser.add_argument(
        "--environments",
        type=Path,
        default=platformdirs.user_cache_path("mlserving-migrate") / "period",
        help="where the environments are, and stay",
    )
    options = parser.parse_args()
    chosen = [name.strip() for name in options.only.split(",")]
    if unknown := set(chosen) - set(WRITERS):
        parser.error(f"no writer is named {', '.join(sorted(unknown))}; there are {', '.join(WRITERS)}")
    left_out = 0
    for name in chosen:
        writer = WRITERS[name]
        base = interpreter(writer.python)
        if base is None:
            print(f"{name}: left out, there is no Python {writer.python} here (pyenv install {writer.python})")
            left_out += 1
            continue
        python = environment(writer, base, options.environments)
        write(name, writer, python, options.folder.resolve())
        print(f"{name}: written")
    return 1 if left_out else 0


def interpreter(version: str) -> Path | None:
    """The newest Python of a minor version among pyenv's, else that of PATH."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(root.glob(f"versions/{version}.*/bin/python"), key=lambda path: int(path.parts[-3].split(".")[2]))
    named = shutil.which(f"python{version}")
    return found[-1] if found else Path(named) if named else None


def environment(writer: Writer, base: Path, folder: Path) -> Path:
    """The Python of an environment that holds exactly the lock's packages."""
    python = folder / f"{writer.environment}-{writer.python}" / "bin/python"
    lock = _HERE / "environments" / f"{writer.environment}.lock"
    if not python.exists():
        subprocess.run([str(base), "-m", "venv", "--without-pip", str(python.parents[1])], check=True)
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "pip", "sync", "--quiet", "--python", str(python), "--require-hashes", str(lock)], check=True)
    return python


def write(name: str, writer: Writer, python: Path, folder: Path) -> None:
    """Runs a writer, with nothing of this machine in its files."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    settings |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    script = _HERE / "writers" / f"{name}_files.py"
    with tempfile.TemporaryDirectory() as home:
        subprocess.run(
            [str(python), "-W", "ignore", str(script), str(folder), writer.library],
            env=settings | {"HOME": home},
            cwd=home,
            check=True,
        )


if __name__ == "__main__":
    sys.exit(main())
