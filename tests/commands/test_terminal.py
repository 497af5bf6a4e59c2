"""Questions on a real terminal, and the error without one."""

import os
import pty
import subprocess
import sys

import pytest

from migrate.commands.terminal import agree
from migrate.core.errors import UsageError

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
    shown = os.read(outer, 4096).decode()
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
