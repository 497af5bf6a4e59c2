"""Measure how long it takes to move models to the sandbox: this checkout, an earlier commit, and a shell script.

    python -m benchmarks.runs [--models 20] [--only this,former,before,after] [--rounds 1] [--out FILE]

Each side begins with nothing: an empty workspace, an empty registry, and a base image on which nothing was built yet.
The earlier commit is a git worktree that is made, and removed, here; it is run by this checkout's Python and packages.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.machine import machine
from benchmarks.runs.models import MOST, make_models
from benchmarks.runs.python_base import base_image, fetch_wheels, wheels_over_http
from benchmarks.runs.report import report
from benchmarks.runs.sides import Measured, Shell, Side, Tool, Work

FORMER: Final = "0d73485"
FORMS: Final = {
    "this": "this checkout",
    "former": FORMER,
    "before": "shell, COPY before RUN",
    "after": "shell, RUN before COPY",
}
_HERE: Final = Path(__file__).parents[2]
_JOBS: Final = 4  # the default of ``--jobs`` in both commits


def main() -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=20, help="how many models are moved")
    parser.add_argument(
        "--most", type=int, default=MOST, metavar="BYTES", help="the size of the largest; 4 kB the least"
    )
    parser.add_argument("--only", default=",".join(FORMS), metavar="FORM,…", help=f"of {', '.join(FORMS)}")
    parser.add_argument("--rounds", type=int, default=1, help="how often each is measured; the quickest counts")
    parser.add_argument("--shell-jobs", type=int, default=_JOBS, help="models side by side in the shell script")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the numbers go, as JSON; nowhere without it")
    options = parser.parse_args()
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(FORMS):
        parser.error(f"--only has no {', '.join(sorted(unknown))}; it has {', '.join(FORMS)}")
    with tempfile.TemporaryDirectory(prefix="bench-run-") as name, _sides(chosen, Path(name), options) as sides:
        folder = Path(name)
        size = make_models(folder / "models", options.models, options.most)
        fetch_wheels(folder)
        found: dict[str, list[Measured]] = {form: [] for form in sides}
        with wheels_over_http(folder / "wheels") as pip:
            for number in range(max(1, options.rounds)):
                for form, side in sides.items():
                    found[form].append(_measure(side, folder, form, number, options.models, pip))
    best = {form: min(rounds, key=lambda one: one.seconds) for form, rounds in found.items()}
    print(", ".join(f"{name} {value}" for name, value in machine().items()), end="\n\n")
    print(report({form: (sides[form].title, measured) for form, measured in best.items()}, options.models, size))
    if options.out is not None:
        numbers = {"machine": machine(), "models": options.models, "bytes": size, "sides": msgspec.to_builtins(found)}
        options.out.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return 0


@contextmanager
def _sides(chosen: list[str], folder: Path, options: argparse.Namespace) -> Iterator[dict[str, Side]]:
    former = folder / "former"
    sides: dict[str, Side] = {
        "this": Tool(FORMS["this"], _HERE),
        "former": Tool(FORMS["former"], former),
        "before": Shell(FORMS["before"], "before", options.shell_jobs),
        "after": Shell(FORMS["after"], "after", options.shell_jobs),
    }
    git = ["git", "-C", str(_HERE), "worktree"]
    if "former" in chosen:
        made = subprocess.run([*git, "add", "--quiet", "--detach", str(former), FORMER], check=False)
        if made.returncode:
            raise SystemExit(f"bench-run: this checkout has no commit {FORMER}; leave it out with --only")
    try:
        yield {form: side for form, side in sides.items() if form in chosen}
    finally:
        if former.exists():
            subprocess.run([*git, "remove", "--force", str(former)], check=False)


def _measure(side: Side, folder: Path, form: str, number: int, models: int, pip: dict[str, str]) -> Measured:
    with base_image(folder) as base:
        work = Work(models=folder / "models", number=models, base=base, pip=pip)
        measured = side.measure(work, folder / f"{form}-{number}")
    again = f", again {measured.again.seconds:.1f} s" if measured.again else ""
    print(f"{side.title}: {measured.seconds:.1f} s{again}", file=sys.stderr, flush=True)
    return measured


if __name__ == "__main__":
    sys.exit(main())
