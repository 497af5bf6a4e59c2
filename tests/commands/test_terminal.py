"""Questions on a real terminal, and the error without one."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

import pytest

from migrate.commands.terminal import agree
from migrate.core.errors import UsageError
from tests.waiting import wait_until

pytestmark = pytest.mark.programs

SCRIPT = (
    "from migrate.commands.terminal import agree\n"
    "from migrate.core.errors import RefusedError\n"
    "try:\n"
    "    agree('Make it?', option='--yes', refused='Nothing was made.'); print('made')\n"
    "except RefusedError as error:\n"
    "    print(int(error.exit_code), error.code, error.what)\n"
)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("y", "made"),
        ("YES", "made"),
        ("n", "8 declined Nothing was made."),
        ("", "8 declined"),
        ("maybe\ny", "made"),
        ("maybe\nno", "8 declined"),
        ("a\nb\nc", "8 declined"),
    ],
)
def test_a_person_is_asked(typed: str, said: str) -> None:
    outer, inner = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=inner, stdout=subprocess.PIPE, stderr=inner, text=True
    ) as process:
        os.write(outer, f"{typed}\n".encode())
        out, _ = process.communicate(timeout=120)
    shown = ""
    while select.select([outer], [], [], 0)[0]:  # a terminal gives what it has in pieces
        shown += os.read(outer, 4096).decode()
    os.close(outer)
    os.close(inner)
    assert said in out
    assert "Make it? [y/N]" in shown


def test_without_a_terminal_the_option_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        agree("Make it?", option="--yes", refused="Nothing was made.")
    assert caught.value.code == "needs-answer"
    assert "--yes" in caught.value.next_step
    assert "Make it?" in caught.value.what


ASKING = (
    "import threading\n"
    "from migrate.commands.terminal import asking, stopping\n"
    "from migrate.console.plain import PlainLines\n"
    "from migrate.core.errors import Interrupted\n"
    "from migrate.core.mending import Request\n"
    "import sys\n"
    "stop = threading.Event()\n"
    "request = Request('The key has expired.', 'Make a new one', typed='consumer key')\n"
    "with stopping(stop):\n"
    "    try:\n"
    "        print(repr(asking(stop, PlainLines(sys.stderr))(request)))\n"
    "    except Interrupted:\n"
    "        print('stopped')\n"
)


def asked(typed: bytes, *, number: int | None = None) -> tuple[str, str]:
    """What a person who is asked to mend a key sees, and what comes of it."""
    outer, inner = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ASKING], stdin=inner, stdout=subprocess.PIPE, stderr=inner, text=True
    ) as process:
        shown = ""
        while "Ctrl-C stops:" not in shown:
            shown += os.read(outer, 4096).decode()
        if number is not None:
            process.send_signal(number)
        os.write(outer, typed)
        out, _ = process.communicate(timeout=120)
    shown += os.read(outer, 4096).decode()
    os.close(outer)
    os.close(inner)
    return shown, out.strip()


def test_a_key_is_typed_in_and_not_shown() -> None:
    shown, out = asked(b"the-new-key\n")
    assert "The key has expired." in shown
    assert "Make a new one, then press Enter, or paste the new consumer key here" in shown
    assert "the-new-key" not in shown
    assert out == "'the-new-key'"


def test_enter_says_that_it_is_mended_elsewhere() -> None:
    assert asked(b"\n")[1] == "''"


def test_ctrl_c_ends_the_waiting() -> None:
    assert asked(b"", number=signal.SIGINT)[1] == "stopped"


def test_without_a_terminal_nobody_is_asked_to_mend_a_key() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ASKING], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "None"


def test_a_second_ctrl_c_leaves_a_terminal_that_shows_what_is_typed() -> None:
    outer, inner = pty.openpty()
    patient = f"import migrate.commands.terminal as terminal\nterminal.STOP_LOOK = 3600\n{ASKING}"
    with subprocess.Popen(
        [sys.executable, "-c", patient], stdin=inner, stdout=subprocess.DEVNULL, stderr=inner, text=True
    ) as process:
        wait_until(lambda: not termios.tcgetattr(outer)[3] & termios.ECHO, "what is typed is shown")
        while process.poll() is None:  # one that comes just before it waits is heard with the next one
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
    assert process.returncode == 130
    assert termios.tcgetattr(outer)[3] & termios.ECHO
    os.close(outer)
    os.close(inner)


def test_who_has_stopped_the_run_is_not_asked_any_more() -> None:
    stopped = ASKING.replace("with stopping(stop):", "stop.set()\nwith stopping(stop):")
    outer, inner = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", stopped], stdin=inner, stdout=subprocess.PIPE, stderr=inner, text=True, check=True
    )
    os.set_blocking(outer, False)
    with pytest.raises(BlockingIOError):
        os.read(outer, 1)
    os.close(outer)
    os.close(inner)
    assert done.stdout.strip() == "stopped"
