"""Inspects every file of the hostile corpus and prints the table of cases and verdicts.

    python scripts/hostile_table.py [WORD ...]

Cases whose name holds one of the words are run, all of them without any. Exit code 1 where a verdict is not the one
that is written beside the case, where something was run, opened or reached, or where a case was passed as ready that
is not harmless.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.formats.hostile import CASES
from tests.formats.hostile.base import CANARY
from tests.formats.hostile.watch import faults, warm, watched


def main() -> int:
    """Print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD", help="part of a case's name (default: all)")
    words = parser.parse_args().words
    CANARY.unlink(missing_ok=True)
    warm()
    wrong = 0
    chosen = [case for case in CASES if not words or any(word in case.name for word in words)]
    print(f"{'case':<28} {'verdict':<12} {'reason':<26} {'CPU s':>6} {'MiB':>4}  weakness")
    for case in chosen:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "m"
            folder.mkdir()
            outcome = watched(case, folder)
        cost = f"{outcome.seconds:>6.2f} {outcome.mebibytes:>4}"
        print(f"{case.name:<28} {outcome.verdict:<12} {outcome.reason or '-':<26} {cost}  {case.weakness}")
        if case.harmless:
            print(f"{'':<28} harmless: {case.harmless}")
        found = faults(case, outcome)
        wrong += bool(found)
        for fault in found:
            print(f"{'':<28} WRONG: {fault}")
    ready = sum(case.verdict == "ready" for case in chosen)
    print(f"{len(chosen)} cases, {wrong} not as they must be; {ready} are ready and say why that is harmless")
    return 1 if wrong or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
