"""Makes the journals that later releases must read: real runs of this version on the sandbox, kept as SQLite files.

    python scripts/make_journals.py [CASE...] [--out FOLDER]

Run it once for each release, from the release's own commit, and commit what it writes to
``tests/migration/journals/VERSION/CASE.sqlite``. It needs a container engine and starts a sandbox in a temporary
folder, where everything else of it lies too, and takes about ten minutes. Nothing of this machine stays in a journal:
its paths are written as those of a customer called ``customer``, the project has a fixed id, and the script fails
when it finds a secret or a path of its own in what it kept.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from migrate import __version__
from migrate.sandbox import control
from migrate.sandbox.base.settings import Folder, Options, Settings, make_identity
from migrate.sandbox.world.people import PLATFORM_USER

ROOT: Final = Path(__file__).parents[1]
JOURNALS: Final = ROOT / "tests" / "migration" / "journals"
PROJECT: Final = "6d6967726174652d6a6f75726e616c73"
HOME: Final = "/home/customer"

_NAMESPACES: Final = {
    name: json.loads((ROOT / "examples" / name / "index.json").read_text(encoding="utf-8"))["namespace"]["id"]
    for name in ("models", "formats")
}
_TAG: Final = "migrate-journals:iris"
_ONNX: Final = _NAMESPACES["models"]
_OURS: Final = ("OVH_", "MIGRATE_")


class Maker:
    """A sandbox and a workspace in one temporary folder, and the command that works on both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sandbox = folder / "sandbox"
        self.workspace = folder / "workspace"
        place = Folder(self.sandbox)
        place.make()
        identity = msgspec.structs.replace(make_identity(), project=PROJECT)
        place.write(Settings(options=Options(rate_limit=0, unseen_seconds=0.2), identity=identity))
        running = control.start(self.sandbox, progress=_say)
        self.registry = running.registry_address
        self.password = identity.platform_password
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith(_OURS)},
            **control.env(self.sandbox),
            "MIGRATE_POLL_SECONDS": "0.3",
            "MIGRATE_WORKSPACE": str(self.workspace),
            "XDG_STATE_HOME": str(folder / "state"),
        }
        secrets = (identity.application_secret, identity.consumer_key, identity.platform_password)
        self.secrets = {*secrets, identity.client_secret, self.environment["MIGRATE_OLD_TOKEN"]}

    def __call__(self, *words: str, code: int, **environment: str) -> None:
        """Runs the command to its end, which must be that exit code."""
        ended = self.start(*words, **environment).wait(timeout=600)
        if ended != code:
            message = f"migrate {' '.join(words)} ended with {ended}, not {code}"
            raise SystemExit(message)

    def start(self, *words: str, **environment: str) -> "subprocess.Popen[str]":
        """Starts the command in a process group of its own; its events go to standard error."""
        _say(f"migrate {' '.join(words)}")
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("migrate")), *words],
            env=self.environment | environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def run(self, source: str, *models: str, more: tuple[str, ...] = (), code: int = 0, **environment: str) -> None:
        """``migrate run SOURCE --model MODEL... --yes --authorize``."""
        self(*_run_words(source, *models), *more, code=code, **environment)

    def fail(self, fault: str, **arguments: object) -> None:
        """Turns a fault on."""
        control.fail(self.sandbox, fault, **arguments)

    def journals(self) -> list[Path]:
        """The journals that the workspace has now."""
        return sorted(self.workspace.glob("*/*/*/journal.sqlite"))

    def forget(self) -> None:
        """Everything as before the first case, but for downloads and images."""
        for token in self.workspace.glob("*/*/*/tokens/*.header"):
            self.secrets.add(token.read_text(encoding="utf-8").split()[-1])
        for journal in self.journals():
            shutil.rmtree(journal.parent)
        control.release(self.sandbox)
        control.reset(self.sandbox)


def _run_words(source: str, *models: str) -> list[str]:
    return ["run", source, *(word for name in models for word in ("--model", name)), "--yes", "--authorize"]


def separate(make: Maker) -> None:
    """All the sample models of ONNX with an app each, proven against the old endpoints; ``broken`` needs a person."""
    make.run(_ONNX, code=4)


def packed(make: Maker) -> None:
    """Two models in one app."""
    make.run(_ONNX, "iris", "titanic", more=("--layout", "packed"))


def undone(make: Maker) -> None:
    """One model, and everything that was made for it deleted again."""
    make.run(_ONNX, "iris")
    make("undo", _ONNX, "--yes", code=0)


def partly_undone(make: Maker) -> None:
    """Two models, one of them undone."""
    make.run(_ONNX, "iris", "titanic")
    make("undo", _ONNX, "--model", "iris", "--yes", code=0)


def interrupted(make: Maker) -> None:
    """Ctrl-C while the app of one model starts; the other model was done before."""
    make.run(_ONNX, "iris")
    reached = make.folder / "reached"
    make.fail("hold", method="POST", path_regex=r"/ai/app$", point="before", touch=str(reached), seconds=2)
    process = make.start(*_run_words(_ONNX, "titanic"))
    while not reached.exists() and process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.2)
    process.send_signal(signal.SIGINT)
    if process.wait(timeout=120) != 130:
        message = "the run was not interrupted"
        raise SystemExit(message)


def killed(make: Maker) -> None:
    """SIGKILL when the app was made and its id was not written down."""
    process = make.start(*_run_words(_ONNX, "iris"))
    make.fail("hold", method="POST", path_regex=r"/ai/app$", point="after", kill=process.pid)
    if process.wait(timeout=300) != -signal.SIGKILL:
        message = "the run ended before it could be killed"
        raise SystemExit(message)


def failed(make: Maker) -> None:
    """An app that ends FAILED, one that answers wrongly, and a call that the key may not make."""
    make.fail("app-failed", label="mls-model=iris")
    make.fail("drift", label="mls-model=titanic", mode="swap")
    make.run(_ONNX, "iris", "titanic", code=4)
    control.release(make.sandbox)
    make.fail("not-granted", method="POST", path_regex=r"/ai/app$")
    make.run(_ONNX, "housing", code=3)


def registry(make: Maker) -> None:
    """A container with the customer's samples, through a private registry that is registered for it."""
    samples = make.folder / "samples"
    shutil.copytree(ROOT / "examples" / "samples", samples)
    more = ("--samples", str(samples), "--registry", f"{make.registry}/mine", "--registry-user", PLATFORM_USER)
    make.environment.pop("MIGRATE_OLD_TOKEN")
    try:
        make.run("models@GRA", "iris", more=more, MIGRATE_REGISTRY_PASSWORD=make.password)
    finally:
        make.environment |= control.env(make.sandbox)


def folder(make: Maker) -> None:
    """A folder of this machine, with a wish for ONNX that one of its formats cannot have."""
    models = make.folder / "models"
    for name, kind in (("iris", "models"), ("species-tree", "formats")):
        shutil.copytree(ROOT / "examples" / kind / name, models / name)
    make.run(str(models), more=("--slim",))


def quarantined(make: Maker) -> None:
    """Files that run code when they are loaded, on a machine without an engine."""
    make.run(_NAMESPACES["formats"], "species-learner", "species-module", code=4, DOCKER_HOST="tcp://127.0.0.1:1")


CASES: Final[tuple[Callable[[Maker], None], ...]] = (
    separate,
    packed,
    undone,
    partly_undone,
    interrupted,
    killed,
    failed,
    registry,
    folder,
    quarantined,
)


def keep(make: Maker, target: Path) -> None:
    """Copies the journal of a case, with this machine's paths replaced and nothing else of it inside.

    Raises:
        SystemExit: The case left no journal or several, or a path or secret is still in it.
    """
    (journal,) = make.journals()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(journal)) as source, contextlib.closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        for table, columns in _texts(copy).items():
            for column in columns:
                # The digests stay as they were: they are what the keys of later steps are made of.
                copy.execute(
                    f"UPDATE {table} SET {column} = CASE typeof({column})"  # noqa: S608 - names that SQLite gave
                    f" WHEN 'blob' THEN CAST(replace(CAST({column} AS TEXT), ?1, ?2) AS BLOB)"
                    f" WHEN 'text' THEN replace({column}, ?1, ?2) ELSE {column} END",
                    (str(make.folder), HOME),
                )
        copy.commit()
        copy.execute("VACUUM")  # what was replaced is still in free pages
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = target.read_bytes()
    for text in (*make.secrets, str(make.folder), str(ROOT), str(Path.home()), os.uname().nodename):
        if text.encode() in content:
            message = f"{target.name} holds {'a secret' if text in make.secrets else text}"
            raise SystemExit(message)
    _say(f"{target.name}: {len(content):,} bytes")


def _texts(database: sqlite3.Connection) -> dict[str, list[str]]:
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {table: [row[1] for row in database.execute(f"PRAGMA table_info({table})")] for table in tables}


def _say(text: str) -> None:
    print(f"journals: {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Makes the journals of this version, or some of them."""
    names = [case.__name__.replace("_", "-") for case in CASES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"{', '.join(names)}; all where none is named")
    parser.add_argument("--out", type=Path, default=JOURNALS / __version__, metavar="FOLDER")
    options = parser.parse_args()
    if unknown := set(options.cases) - set(names):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="migrate-journals-") as temporary:
        make = Maker(Path(temporary).resolve())
        try:
            # The runtime of ONNX is there before any case, so that no undo deletes what another case needs.
            make("build", str(ROOT / "examples" / "models" / "iris"), "--tag", _TAG, code=0)
            for name, case in zip(names, CASES, strict=True):
                if not options.cases or name in options.cases:
                    case(make)
                    keep(make, options.out / f"{name}.sqlite")
                    make.forget()
        finally:
            control.stop(make.sandbox)
            subprocess.run(["docker", "rmi", _TAG], check=False, capture_output=True)


if __name__ == "__main__":
    main()
