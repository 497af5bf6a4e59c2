"""Move one large object of random bytes from object storage to a registry without an engine, cut on the way.

    python -m benchmarks.road [--gb 5] [--out FILE]

The object is made on the spot in a folder of TMPDIR, which must have 3.3 times its size and a GB. The sandbox is its
object storage, and Debian's docker-registry takes the image. `migrate run --builder none` moves it, without boxes, so
that nothing is rehearsed. Two downloads and two uploads are cut. It fails where the command holds 200 MB, where more
than 32 MB are sent again for a cut, where its workspace takes more than 1.1 times the object and 0.5 GB, and where the
file in the registry's image is not the object. Everything is removed again.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from msgspec import to_builtins

from benchmarks.machine import machine
from benchmarks.road.road import MB, Measured, travel
from benchmarks.tables import aligned

_COPIES = 3.3
"""What the object takes: once made, in the sandbox, in the workspace and in the registry, never all at once."""


def main() -> int:
    """Measure, print, and return 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=5.0, help="the size of the object")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the numbers go, as JSON; nowhere without it")
    options = parser.parse_args()
    print(", ".join(f"{name} {value}" for name, value in machine().items()), end="\n\n")
    with tempfile.TemporaryDirectory(prefix="bench-road-") as name:
        room, needed = shutil.disk_usage(name).free, int(options.gb * 1e9 * _COPIES + 1e9)
        if room < needed:
            raise SystemExit(
                f"bench-road: {name} has {room / 1e9:.0f} GB of room, {needed / 1e9:.0f} GB are needed; "
                "set TMPDIR to a folder with more, or --gb to a smaller object"
            )
        found = travel(Path(name), int(options.gb * 1e9))
    print(report(found))
    if options.out is not None:
        numbers = {"machine": machine(), **to_builtins(found, builtin_types=(object,)), "walked": vars(found.walked)}
        options.out.write_text(json.dumps(numbers, indent=1, default=vars) + "\n")
    for fault in found.faults():
        print(f"bench-road: {fault}", file=sys.stderr)
    return 1 if found.faults() else 0


def report(found: Measured) -> str:
    """The tables."""
    steps = [["step", "s", "peak MB", "read from disk MB"]]
    steps += [
        [step.name, f"{step.seconds:.1f}", f"{step.peak / MB:.0f}", f"{step.read / MB:.0f}"]
        for step in found.walked.steps
    ]
    ways = [
        ["", "MB", "cuts", "MB again", "MB again a cut"],
        _way("from the storage", found.fetched, found.size, found.cuts_down),
        _way("to the registry", found.sent, found.stored, found.cuts_up),
    ]
    return (
        f"{found.size / 1e9:.2f} GB of random bytes, in {found.walked.seconds:.1f} s\n{aligned(steps)}\n\n"
        f"{aligned(ways)}\n\n"
        f"  memory: {found.walked.peak / MB:.0f} MB at most\n"
        f"  disk: {found.disk / 1e9:.2f} GB at most beside the registry's {found.stored / 1e9:.2f} GB\n"
        f"  the file in the registry's image is {'' if found.same else 'NOT '}the object, byte for byte\n"
    )


def _way(name: str, moved: int, wanted: int, cuts: int) -> list[str]:
    again = (moved - wanted) / MB
    return [name, f"{moved / MB:.1f}", str(cuts), f"{again:.1f}", f"{again / max(cuts, 1):.1f}"]


if __name__ == "__main__":
    sys.exit(main())
