"""What somebody without a container engine, root or an account for either does: the wheel, ``uvx``, a demo, a run.

The tests' own user is root, as a rule: it becomes one whom this machine does not know, who finds every program of
this machine but those of engines.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from uv import find_uv_bin

from migrate.boxes import bubblewrap
from migrate.images.base.archive import bootstrap
from migrate.images.runtime.uv_settings import uv_environment
from tests.e2e.harness import BROKEN, GOOD, NAMESPACE, ROOT
from tests.sandbox.running.pushing import need_program

USER = 54321  # has no account, no groups and no entry in /etc/subuid
ENGINES = ("docker", "podman", "nerdctl", "containerd", "buildah", "ctr", "runc", "crun")
PASSED_ON = ("UV_", "PIP_", "SSL_CERT_", "REQUESTS_", "CURL_", "LANG")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


class Person:
    """A user of this machine, with a home that is empty."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._python = python_of_everybody()
        self._become: tuple[str, ...] = ()
        if os.geteuid() == 0:
            os.chown(home, USER, USER)
            shell = ("sh", "-c", 'exec "$@"', "sh")  # setpriv itself would still find programs that only root may
            ids = (f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all", "--no-new-privs")
            self._become = ("setpriv", *ids, "--", *shell)
        kept = {
            name: text for name, text in os.environ.items() if name.startswith(PASSED_ON) or "proxy" in name.lower()
        }
        self.environment = {
            **kept,
            **uv_environment(os.environ),
            "HOME": str(home),
            "PATH": f"{home}/uv:{programs(home / 'programs')}",
            "NO_COLOR": "1",
        }

    def __call__(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*self._become, *command], check=False, capture_output=True, text=True, cwd=self.home, timeout=1500,
            env=self.environment | variables, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def migrate(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """``uvx --from 'WHEEL[sandbox]' migrate ...``, with the versions of the lock."""
        (wheel,) = self.home.glob("*.whl")
        lock = str(self.home / "requirements.lock")
        run = ("uv", "tool", "run", "--quiet", "--python", self._python, "--constraints", lock)
        return self(*run, "--from", f"{wheel}[sandbox]", "migrate", *arguments, **variables)


def python_of_everybody() -> str:
    for name in ("python3.11", "python3.12", "python3.13", "python3"):
        found = shutil.which(name, path="/usr/bin:/usr/local/bin")
        fits = "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))"
        if found and not subprocess.run([found, "-c", fits], check=False).returncode:
            return found
    pytest.skip("no Python of 3.11 to 3.13 that every user may run")


def programs(folder: Path) -> str:
    """A folder with the programs of this machine, less those of engines."""
    folder.mkdir()
    for place in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        for path in Path(place).iterdir() if Path(place).is_dir() else ():
            if not path.name.startswith(ENGINES) or path.name == "docker-registry":
                target = folder / path.name
                if not target.is_symlink():
                    target.symlink_to(path)
    return str(folder)


@pytest.fixture(scope="module")
def person() -> Iterator[Person]:
    if why := bubblewrap.why_not():
        pytest.skip(f"no boxes here: {why}")
    need_program()
    bootstrap(print)  # as scripts/setup does for every user
    with tempfile.TemporaryDirectory(prefix="ordinary-", dir="/var/tmp") as folder:
        home = Path(folder)
        home.chmod(0o755)
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(home), str(ROOT)]
        subprocess.run(build, check=True, capture_output=True)
        (home / "uv").mkdir()
        shutil.copy(find_uv_bin(), home / "uv/uv")
        shutil.copy(ROOT / "requirements.lock", home)
        found = Person(home)
        asked = found(sys.executable if os.geteuid() else "/usr/bin/id", *(("-c", "") if os.geteuid() else ()))
        assert asked.returncode == 0, asked.stderr
        yield found
        found.migrate("sandbox", "stop")


def test_there_is_no_engine_to_be_found(person: Person) -> None:
    assert person("docker", "version").returncode == 127
    asked = person.migrate("demo", "--builder", "engine")
    assert asked.returncode == 7, asked
    assert "engine" in asked.stderr


def test_the_demo_ends_as_with_an_engine(person: Person) -> None:
    ended = person.migrate("demo", "--quick")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 of 5 migrated, 1 needs you" in ended.stdout
    assert ended.stdout.count("proof live") == len(GOOD), ended.stdout
    assert "apps run in boxes, without a container engine (memory held by " in ended.stderr


def test_a_run_on_a_sandbox(person: Person) -> None:
    started = person.migrate("sandbox", "start", "--json")
    assert started.returncode == 0, started.stdout + started.stderr
    facts = json.loads(started.stdout.splitlines()[-1])["data"]
    assert (facts["apps"], facts["registry"]) == ("running", "running"), facts
    assert "in boxes" in facts["apps_in"]
    variables = json.loads(person.migrate("sandbox", "env", "--json").stdout)["data"]
    ended = person.migrate("run", NAMESPACE, "--yes", "--authorize", "--json", **variables, MIGRATE_POLL_SECONDS="0.5")
    result = json.loads(ended.stdout.splitlines()[-1])
    found = {outcome["model"]: outcome for outcome in result["models"]}
    assert {name: found[name].get("proof") for name in GOOD} == dict.fromkeys(GOOD, "live"), ended.stdout + ended.stderr
    assert [name for name, outcome in found.items() if outcome["outcome"] != "done"] == [BROKEN]
    undone = person.migrate("undo", NAMESPACE, "--yes", "--json", **variables)
    assert undone.returncode == 0, undone.stdout + undone.stderr
    stopped = person.migrate("sandbox", "stop")
    assert stopped.returncode == 0, stopped.stderr
