"""Runs the tool of any commit, and writes down what it cost: CPU seconds by step, and its peak of memory.

    python -P clock.py FILE WORDS...

FILE gets JSON: ``steps`` (CPU seconds of the threads that made a step's value), ``start`` (until the first of them),
``process`` (of all threads), ``children`` (of programs that it started) and ``peak`` (bytes, VmHWM).
"""

import json
import resource
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any


def _performer() -> Any:
    try:
        from migrate.migration.run import step_engine  # noqa: PLC0415 - the tool's place of this file is not its own
    except ImportError:
        from migrate.migration import perform as step_engine  # type: ignore[no-redef] # noqa: PLC0415 - as of 0d73485
    return step_engine.Performer


def _peak() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> int:
    """Run, and write."""
    from migrate.cli.main import main as tool  # noqa: PLC0415

    file, sys.argv = Path(sys.argv[1]), ["migrate", *sys.argv[2:]]
    steps: defaultdict[str, float] = defaultdict(float)
    lock, begun = threading.Lock(), float("nan")
    performer = _performer()
    do = performer.do

    def timed(self: Any, task: Any, kind: Any, make: Callable[[Any], Any], **more: Any) -> Any:
        nonlocal begun
        with lock:
            begun = time.process_time() if begun != begun else begun  # noqa: PLR0124 - not a number yet

        def counted(progress: Any) -> Any:
            start = time.thread_time()
            try:
                return make(progress)
            finally:
                with lock:
                    steps[task.step] += time.thread_time() - start

        return do(self, task, kind, counted, **more)

    performer.do = timed
    try:
        tool()
    except SystemExit as ended:
        code = ended.code
    else:
        code = 0
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = time.process_time()
    found = {
        "steps": steps,
        "start": min(process, begun) if begun == begun else process,  # noqa: PLR0124
        "process": process,
        "children": children.ru_utime + children.ru_stime,
        "peak": _peak(),
    }
    file.write_text(json.dumps(found), encoding="utf-8")
    return code if isinstance(code, int) else 1


if __name__ == "__main__":
    sys.exit(main())
