"""Measure each runtime's image on this machine: to build, to ship, to start.

    python -m benchmarks.images [--only NAME,NAME] [--model FOLDER]... [--slim] [--starts N] [--out FILE]
    python -m benchmarks.images --symbols [--only NAME,NAME]
    python -m benchmarks.images --push [--only onnx,tensorflow] [--routes this,former,shell] [--models N] [--gb N]

Everything is built anew in a temporary folder and removed again; the wheels come from uv's cache where it has them.
Containers run as AI Deploy runs them: user 42420, a read-only root, no network.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.images import symbols
from benchmarks.images.cases import CASES, Case
from benchmarks.images.measure import NotServedError, Row, measure
from benchmarks.images.pushing.compare import ROUTES, compare
from benchmarks.images.report import document, table
from benchmarks.machine import machine
from migrate.core.errors import MigrateError
from migrate.images.base.image import ensure_base
from migrate.images.engine.connection import Engine, connect


def main() -> int:
    """Measure what is asked for and print the table; 1 when a model could not be built or started."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names of runtimes, by commas: " + ",".join(case.name for case in CASES))
    parser.add_argument(
        "--model", type=Path, action="append", default=[], metavar="FOLDER", help="a model's files: measured too"
    )
    parser.add_argument("--slim", action="store_true", help="measure models that can be converted to ONNX both ways")
    parser.add_argument(
        "--symbols", action="store_true", help="build no image: weigh each runtime's packages with and without symbols"
    )
    parser.add_argument(
        "--push", action="store_true", help="from files to a registry, beside an engine and a shell loop"
    )
    parser.add_argument("--routes", default=",".join(ROUTES), help="with --push: of " + ", ".join(ROUTES))
    parser.add_argument("--models", type=int, default=20, help="with --push: how many of ONNX; 3 at most of TensorFlow")
    parser.add_argument("--gb", type=float, default=1.0, help="with --push: the size of a large model; 0 for none")
    parser.add_argument("--starts", type=int, default=3, help="how often each image is started; medians are printed")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the numbers go, as JSON; nowhere without it")
    options = parser.parse_args()
    if options.push:
        return compare(options)
    if options.symbols:
        return _symbols([case.name for case in _chosen(options.only)])
    cases = [*_chosen(options.only), *(Case(folder.name, folder) for folder in options.model)]
    engine = connect(os.environ)
    try:
        version = engine.client.version()["Version"]
        rows, failures = _measured(engine, cases, starts=max(1, options.starts), slim=options.slim)
    finally:
        engine.close()
    found = {**machine(), "engine": version}
    print(", ".join(f"{name} {value}" for name, value in found.items()), end="\n\n")
    print(table(rows))
    if options.out is not None:
        options.out.write_text(json.dumps(document(rows, found), indent=1) + "\n")
        _say(f"the numbers are in {options.out}")
    for failure in failures:
        _say(failure)
    return 1 if failures else 0


def _symbols(names: list[str]) -> int:
    savings = []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="bench-images-") as folder:
            savings.append(symbols.measure(name, Path(folder), _say))
    print(symbols.table(savings))
    return 0


def _chosen(names: str | None) -> list[Case]:
    if names is None:
        return list(CASES)
    known = {case.name: case for case in CASES}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SystemExit(f"bench-images: nothing is named {', '.join(unknown)}; there are {', '.join(known)}.")
    return [known[name] for name in wanted]


def _measured(engine: Engine, cases: list[Case], *, starts: int, slim: bool) -> tuple[list[Row], list[str]]:
    rows, failures = [], []
    base = ensure_base(engine, None, _say)
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="bench-images-") as folder:
            try:
                rows += measure(engine, case, base, starts=starts, scratch=Path(folder), say=_say, slim=slim)
            except (MigrateError, NotServedError) as error:
                failures.append(f"{case.name}: {error}")
    return rows, failures


def _say(text: str) -> None:
    print(f"bench-images: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
