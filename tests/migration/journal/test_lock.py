"""One writer at a time, and no lock that outlives its process."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.core.errors import ExitCode, LocalError
from migrate.migration.journal.lock import WriterLock

HOLDER = (
    "import sys, time; from pathlib import Path\n"
    "from migrate.migration.journal.lock import WriterLock\n"
    "with WriterLock(Path(sys.argv[1]), doing='run ns'):\n"
    "    print('held', flush=True); time.sleep(600)\n"
)


def test_a_second_process_is_told_who_holds_it_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(LocalError) as caught, WriterLock(path, doing="undo"):
                pass
            assert caught.value.code == "journal-locked"
            assert f"migrate run ns, process {holder.pid}" in caught.value.what
            assert caught.value.exit_code is ExitCode.LOCAL
        finally:
            holder.send_signal(signal.SIGKILL)
    with WriterLock(path, doing="run"):
        assert path.read_text().startswith("migrate run, process ")


def test_it_is_taken_again_after_it_was_left(tmp_path: Path) -> None:
    for _ in range(2):
        with WriterLock(tmp_path / "lock", doing="run"):
            pass
