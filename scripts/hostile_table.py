"""Inspects every file of the hostile corpus and prints what is refused, with which code, and why that matters.

    python scripts/hostile_table.py [WORD ...]
    python scripts/hostile_table.py --mutate

Cases whose name or code holds one of the words are run, all of them without any. Exit code 1 where a verdict is not
the one that is written beside the case, where something was run, opened or reached, or where a case was passed as ready
that is not harmless.

``--mutate`` switches off each guard of ``migrate.formats``, one at a time, and prints which case falls. Exit code 1
where none does.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.formats.hostile.base import HostileCase
from tests.formats.hostile.corpus import CASES
from tests.formats.hostile.watch import faults, warm, watched
from tests.formats.hostile.why import WHY

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD", help="part of a case's name or code (default: all)")
    parser.add_argument("--mutate", action="store_true", help="switch off each guard, and see which case falls")
    options = parser.parse_args()
    return _mutate() if options.mutate else _table(options.words)


def _table(words: list[str]) -> int:
    warm()
    chosen = [case for case in CASES if not words or any(word in f"{case.name} {case.reason}" for word in words)]
    wrong = 0
    for verdict, reason in sorted({(case.verdict, case.reason) for case in chosen}):
        print(f"\n{verdict}{': ' if reason else ''}{reason}\n  {WHY[reason]}")
        for case in chosen:
            if (case.verdict, case.reason) == (verdict, reason):
                wrong += _row(case)
    print(f"\n{len(chosen)} cases, {wrong} not as they must be")
    return 1 if wrong or not chosen else 0


def _row(case: HostileCase) -> bool:
    """Print a case, and say whether it is not as it must be."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "m"
        folder.mkdir()
        found = faults(case, watched(case, folder))
    print(f"    {case.name:<28} {case.refuses}")
    if case.harmless:
        print(f"    {'':<28} harmless: {case.harmless}")
    for fault in found:
        print(f"    {'':<28} WRONG: {fault}")
    return bool(found)


def _mutate() -> int:
    command = [sys.executable, "-m", "tests.formats.hostile.mutation"]
    found = unheld = 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            guard = json.loads(line)
            found, unheld = found + 1, unheld + (not guard["falls"])
            print(f"{guard['guard']}\n    {guard['module']}, line {guard['line']}")
            print(f"    {guard['falls']} {guard['becomes']}" if guard["falls"] else "    HELD BY NO CASE")
    print(f"\n{found} guards, {unheld} held by no case")
    return 1 if unheld or process.returncode or not found else 0


if __name__ == "__main__":
    sys.exit(main())
