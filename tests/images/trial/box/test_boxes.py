"""What a box keeps from a program: each limit is overrun by a harmless one, and each way out is tried."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from migrate.boxes import calls, cgroup
from migrate.boxes.box import Limits, sweep_places
from migrate.core.errors import Interrupted, LocalError
from migrate.images.engine import containers
from migrate.images.engine.exchange import ExchangeEndedError, NotStartedError
from migrate.images.engine.tarstream import Entry, content, folder
from migrate.images.trial.box.boxes import Boxes
from migrate.images.trial.runner import Ending, Files, NothingTakenError, Trial
from tests.images.trial.box.boxing import IMAGE, MEGABYTE, as_ordinary_user, boxes_of
from tests.waiting import wait_until

pytestmark = pytest.mark.programs

PLENTY = 512 * MEGABYTE
SLEEP = ("python3", "-c", "import time; time.sleep(60)")


@pytest.fixture
def boxes(tmp_path: Path) -> Boxes:
    return boxes_of(tmp_path)


def ended(trial: Trial) -> Ending:
    """How a command ends."""
    found = wait_until(trial.ending, "it goes on")
    assert found is not None
    return found


def told(boxes: Boxes, script: str, *, beside: tuple[str, ...] | None = None, question: object = 0) -> Any:
    """The answer of a program to one line."""
    with (
        boxes.start(IMAGE, beside, purpose="test", memory=PLENTY) as trial,
        trial.exchange([textwrap.dedent(script)], inline=True, apart=True) as exchange,
    ):
        return exchange.ask(question, timeout=200)


CONFINED = """
import json, os, socket, subprocess, sys
def attempt(action):
    try:
        action()
    except BaseException as error:
        return type(error).__name__
    return "done"
def mounted():
    subprocess.run(["unshare", "--user", "--map-root-user", "true"], check=True, capture_output=True)
asked = json.loads(sys.stdin.readline())
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
processes = [name for name in os.listdir("/proc") if name.isdecimal()]
tried = {path: attempt(lambda: open(path + "/x", "w")) for path in ("/", "/usr", "/dev", "/proc/sys/kernel", "/tmp")}
print(json.dumps({
    "network": attempt(lambda: socket.create_connection(tuple(asked["listener"]), timeout=5).close()),
    "name": attempt(lambda: socket.getaddrinfo("example.com", 443)),
    "interfaces": [name for _, name in socket.if_nameindex()],
    "root": attempt(lambda: os.setuid(0)),
    "name space": attempt(mounted),
    "host": attempt(lambda: os.stat(asked["file"])),
    "ids": [os.getuid(), os.getgid()],
    "rights": [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs")],
    "variables": sorted(os.environ),
    "secrets": [name for name in processes if b"SECRET" in open(f"/proc/{name}/environ", "rb").read()],
    "processes": len(processes),
    "devices": sorted(os.listdir("/dev")),
    **tried,
}), flush=True)
"""


def test_a_program_in_a_box_reaches_nothing(boxes: Boxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_TEST_SECRET", "SECRET")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        question = {"listener": listener.getsockname(), "file": str(tmp_path)}
        found = told(boxes, CONFINED, beside=SLEEP, question=question)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert found.pop("ids") == [42420, 42420]
    assert found.pop("interfaces") == ["lo"]
    assert found.pop("rights") == ["0000000000000000"] * 5 + ["1"]
    assert set(found.pop("variables")) <= {"PATH", "PYTHONDONTWRITEBYTECODE", "PWD", "LC_CTYPE"}
    assert found.pop("secrets") == []
    assert found.pop("processes") <= 2  # itself, and what reaps: not the command beside it
    assert not {"sda", "vda", "mem", "kvm"} & set(found.pop("devices"))
    assert found.pop("/tmp") == "done"
    assert {name for name, result in found.items() if result == "done"} == set()


def test_programs_of_a_trial_meet_on_loopback_alone(boxes: Boxes) -> None:
    server = "import socket; s = socket.create_server(('127.0.0.1', 8080)); s.accept()[0].sendall(b'met'); s.accept()"
    client = """
import json, socket, sys, time
sys.stdin.readline()
for _ in range(600):
    try:
        found = socket.create_connection(("127.0.0.1", 8080), timeout=5).recv(9)
        break
    except OSError as error:
        found = str(error).encode()
        time.sleep(0.05)
print(json.dumps(found.decode()), flush=True)
"""
    with boxes.start(IMAGE, ("python3", "-c", server), purpose="test", memory=PLENTY) as trial:
        with trial.exchange([client], inline=True, apart=True) as exchange:
            assert exchange.ask(0, timeout=200) == "met"
        assert told(boxes, client.replace("range(600)", "range(1)")).endswith("refused")  # another trial's


EATS = "import time\neaten = []\nfor _ in range(40):\n    eaten.append(bytearray(10 << 20))\ntime.sleep(60)\n"


def test_more_memory_than_there_may_be(boxes: Boxes) -> None:
    with boxes.start(IMAGE, ("python3", "-c", EATS), purpose="test", memory=128 * MEGABYTE) as trial:
        end = ended(trial)
        assert (end.code, end.memory) == (137, True)
        assert trial.overrun == "memory"
    with boxes.start(IMAGE, None, purpose="test", memory=128 * MEGABYTE) as trial:
        with trial.exchange([EATS], inline=True) as exchange:
            with pytest.raises(ExchangeEndedError):
                exchange.ask(0, timeout=200)
            assert exchange.exit_code() == 137
        assert trial.overrun == "memory"


def test_files_in_temporary_folders_and_forked_processes_count(boxes: Boxes) -> None:
    """Each process and each folder is under the limit, and all of them together are not."""
    script = """
import os, time
for path in ("/tmp/x", "/dev/shm/x"):
    with open(path, "wb") as file:
        file.write(bytes(40 << 20))
for _ in range(3):
    if not os.fork():
        eaten = bytearray(40 << 20)
        break
time.sleep(60)
"""
    with boxes.start(IMAGE, ("python3", "-c", script), purpose="test", memory=180 * MEGABYTE) as trial:
        end = ended(trial)
        assert end.memory


def test_memory_that_processes_share_counts_once(boxes: Boxes) -> None:
    script = """
import mmap, os, sys, time
shared = mmap.mmap(-1, 60 << 20)
shared.write(bytes(60 << 20))
for _ in range(4):
    if not os.fork():
        sum(shared[::4096])
        time.sleep(60)  # it must not read the questions, which are its parent's
        break
else:
    for line in sys.stdin:
        print(1, flush=True)
"""
    with boxes.start(IMAGE, None, purpose="test", memory=200 * MEGABYTE) as trial:
        with trial.exchange([script], inline=True) as exchange:
            assert exchange.ask(0, timeout=200) == 1
            time.sleep(0.5)  # a few looks
            assert exchange.ask(0, timeout=200) == 1
        assert trial.overrun == ""


FORKS = """
import os, sys, time
started = 0
try:
    for _ in range(80):
        if not os.fork():
            time.sleep(60)
            os._exit(0)
        started += 1
except OSError:
    pass
print("started", started, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("holder", ["rlimit", "watcher"])
def test_more_processes_than_there_may_be(boxes: Boxes, monkeypatch: pytest.MonkeyPatch, holder: Any) -> None:
    monkeypatch.setattr(containers, "PIDS", 64)
    limits = boxes.limits(IMAGE)
    if holder == "rlimit" and limits.processes != "rlimit":
        pytest.skip(f"RLIMIT_NPROC does not hold processes here: {limits.text()}")
    monkeypatch.setattr(Boxes, "limits", lambda *_: Limits("watcher", holder))
    with boxes.start(IMAGE, ("python3", "-c", FORKS), purpose="test", memory=PLENTY) as trial:
        if holder == "watcher":
            end = ended(trial)
            assert (end.code, end.memory) == (137, False)
            assert trial.overrun == "processes"
        else:
            wait_until(lambda: "started" in trial.logs(), "it starts nothing")
            assert 50 < int(trial.logs().split()[1]) < 64
        assert trial.crowded()


def test_what_holds_the_limits_is_known(boxes: Boxes) -> None:
    limits = boxes.limits(IMAGE)
    assert limits.memory in ("cgroup", "watcher")
    assert limits.processes in ("cgroup", "rlimit", "watcher")
    assert boxes.unlimited(IMAGE) == ()
    assert limits.memory in limits.text()


def test_a_group_of_version_2_where_it_is_delegated() -> None:
    group = cgroup.Group.make(256 * MEGABYTE, 64)
    if group is None:
        pytest.skip("no cgroup of version 2 with memory and pids is delegated to this user")
    try:
        join = 'echo 0 > "$1/cgroup.procs" && cat /proc/self/cgroup && exec "$2" -c "bytearray(400 << 20)"'
        done = subprocess.run(
            ["sh", "-c", join, "sh", str(group.path), sys.executable], capture_output=True, text=True, check=False
        )
        assert group.path.name in done.stdout
        assert done.returncode == -signal.SIGKILL
        assert group.out_of_memory()
    finally:
        group.close()
    assert not group.path.exists()


def test_what_writes_without_end_keeps_its_last_lines(boxes: Boxes) -> None:
    script = "for n in range(200_000): print('line', n)\nprint('the last word')\nraise SystemExit(1)"
    with boxes.start(IMAGE, ("python3", "-c", script), purpose="test", memory=PLENTY) as trial:
        end = ended(trial)
        assert (end.code, end.memory) == (1, False)
        assert trial.logs().endswith("the last word\n")
        assert len(trial.logs()) < MEGABYTE


def test_a_program_that_does_not_start_is_not_the_models_fault(boxes: Boxes) -> None:
    with boxes.start(IMAGE, None, purpose="test", memory=PLENTY, environment={"PATH": "/nowhere"}) as trial:
        with pytest.raises(NotStartedError) as error, trial.exchange(["1"], inline=True) as exchange:
            exchange.ask(0, timeout=200)
        failure = trial.refusal(error.value.errors)
    assert failure.code == "box-failed"
    assert "python3" in failure.what


def test_a_program_that_hangs_is_left_when_the_run_is_stopped(boxes: Boxes) -> None:
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    with (
        pytest.raises(Interrupted),
        boxes.start(IMAGE, None, purpose="test", memory=PLENTY) as trial,
        trial.exchange(["import time; time.sleep(60)"], inline=True, stop=stop) as exchange,
    ):
        exchange.ask(0, timeout=200)


def test_files_go_in_and_one_comes_out(boxes: Boxes, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 1000)
    source.chmod(0o600)
    entries = [
        folder("sub"),
        Entry(name="sub/größe a", mode=0o644, source=source, size=1000),
        content("script.py", b"import sys, os\nfor line in sys.stdin: exec(line[1:-2])\n"),
        folder("out", 0o1777),
    ]
    files = Files("/convert", lambda: entries, writable=("out",))
    script = (
        "import json, os; data = open('sub/größe a').read(); open('out/made', 'w').write(data * 2);"
        "os.symlink('/etc/passwd', 'out/link'); os.mkfifo('out/pipe'); os.mkdir('out/folder');"
        "open('out/empty', 'w'); reached = [name for name in ('sub/x', 'x', '/x') if not blocked(name)]"
    )
    program = f"""
import json, sys
def blocked(name):
    try:
        open(name, "w")
    except OSError:
        return True
for line in sys.stdin:
    {script}
    print(json.dumps(reached), flush=True)
"""
    with boxes.start(IMAGE, None, purpose="test", memory=PLENTY, files=files, working_dir="/convert") as trial:
        with trial.exchange([program], inline=True) as exchange:
            assert exchange.ask(0, timeout=200) == []
        trial.take("out/made", tmp_path / "made", 1 << 30)
        for number, name in enumerate(("link", "pipe", "folder", "empty", "nothing")):
            with pytest.raises(NothingTakenError):
                trial.take(f"out/{name}", tmp_path / str(number), 1 << 30)
    assert (tmp_path / "made").read_bytes() == b"x" * 2000
    assert source.read_bytes() == b"x" * 1000
    assert not list((tmp_path / "store/partial").iterdir())


def test_a_program_that_is_killed_leaves_no_box(boxes: Boxes, tmp_path: Path) -> None:
    """The one that makes boxes is killed; nothing of them is left running."""
    del boxes  # it skips where there are none
    script = f"""
import sys
from pathlib import Path
from tests.images.trial.box.boxing import IMAGE, boxes_of
with boxes_of(Path({str(tmp_path / "other")!r})).start(
    IMAGE, {SLEEP!r}, purpose="test", memory=1 << 29
) as trial, trial.exchange(["print(input(), flush=True); import time; time.sleep(60)"], inline=True) as exchange:
    exchange.ask(0, timeout=200)
    print(*trial.roots(), trial._holder.process, flush=True)
    sys.stdin.read()
"""
    (tmp_path / "other").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[4], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as maker:  # fmt: skip
        assert maker.stdout is not None
        processes = [int(word) for word in maker.stdout.readline().split()]
        assert len(processes) == 3
        assert all(Path("/proc", str(process)).exists() for process in processes)
        maker.kill()
    wait_until(lambda: not any(map(runs, processes)), "something of the box is left")


def runs(process: int) -> bool:
    with contextlib.suppress(OSError):
        return "(zombie)" not in Path(f"/proc/{process}/status").read_text()
    return False


@pytest.fixture
def without_spaces() -> list[str]:
    """What runs a program where no further name spaces may be made."""
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no name space can be made here in which others are forbidden")
    return command


def test_where_boxes_are_impossible_the_reason_is_said(without_spaces: list[str], boxes: Boxes) -> None:
    del boxes
    script = "from migrate.boxes import bubblewrap; print(bubblewrap.why_not())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [*without_spaces, sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert "gives this user no name spaces" in done.stdout
    environment["PATH"] = "/nowhere"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert "bubblewrap" in done.stdout
    assert "not installed" in done.stdout


def test_a_machine_without_boxes_names_what_to_do(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with (
        pytest.raises(LocalError) as error,
        boxes.start(IMAGE, None, purpose="test", memory=PLENTY),
    ):
        pass
    assert error.value.code == "no-box"
    assert "bubblewrap" in error.value.next_step


@pytest.mark.slow
def test_all_of_this_as_an_ordinary_user() -> None:
    """The tests of this folder once more, by a user without rights; the machine's Python must be theirs to use."""
    if os.geteuid() != 0:
        pytest.skip("this is an ordinary user already")
    done = as_ordinary_user(["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", str(Path(__file__).parent)])
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    for name in (f"{gone.pid}-a", f"{gone.pid}-full", f"{os.getpid()}-b", "other-c"):
        (tmp_path / f"migrate-box-{name}" / "0").mkdir(parents=True)
    (tmp_path / f"migrate-box-{gone.pid}-full" / "0" / "file").touch()
    sweep_places(tmp_path)
    left = {path.name.removeprefix("migrate-box-") for path in tmp_path.iterdir()}
    assert left == {f"{gone.pid}-full", f"{os.getpid()}-b", "other-c"}


def test_an_ordinary_user_has_boxes() -> None:
    if os.geteuid() != 0:
        pytest.skip("this is an ordinary user already")
    done = as_ordinary_user(["-m", "tests.images.trial.box.boxing"])
    if "no boxes here" in done.stdout + done.stderr:
        pytest.skip(f"an ordinary user has none: {done.stdout}{done.stderr}")
    assert done.stdout.split() == ["42420", "137", "memory"], done.stdout + done.stderr


def test_memory_that_belongs_to_no_process_is_refused(boxes: Boxes) -> None:
    if not calls.program():
        pytest.skip(f"the numbers of system calls of {os.uname().machine} are not known")
    script = """
import ctypes, errno, json, sys, tempfile, threading
asked = json.loads(sys.stdin.readline())
call = ctypes.CDLL(None, use_errno=True).syscall
found = {}
for name, number in asked.items():
    ctypes.set_errno(0)
    call(number, 0, 0, 0, 0, 0, 0)
    found[name] = errno.errorcode.get(ctypes.get_errno())
print(json.dumps(found), flush=True)
"""
    numbers = calls.CALLS[os.uname().machine][1]
    assert told(boxes, script, question=dict(numbers)) == dict.fromkeys(numbers, "ENOSYS")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_filter_jumps_to_its_last_step_alone(machine: str) -> None:
    steps = list(struct.iter_unpack("=HBBI", calls.program(machine)))
    assert len(steps) < 64
    for place, (code, true, false, _) in enumerate(steps):
        if code in (0x15, 0x35):
            assert false == 0
            assert place + 1 + true == (3 if place == 1 else len(steps) - 1)
    assert calls.program("another") == b""


def test_a_program_is_told_its_limits(boxes: Boxes) -> None:
    read = "import sys\nfor line in sys.stdin: print(int(open('/sys/fs/cgroup/memory.max').read()), flush=True)"
    assert told(boxes, read) == PLENTY
