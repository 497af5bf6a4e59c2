"""Measure many models in one process, beside MLServer with the same ONNX files.

    python -m benchmarks.packed [--quick] [--rounds N] [--only NAME,NAME] [--cases NAME,NAME] [--json FILE]

Each server runs alone, on one CPU, with the load generator (wrk) on another; they take turns, round by round.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.machine import machine
from benchmarks.packed.measure import CONTENDERS, Visit, middle, visit
from benchmarks.packed.namespaces import MIXED, SAVED, Namespace, example_models, small_models
from benchmarks.server.environments import OURS, python_of, say, server_code, wrk
from benchmarks.server.processes import ServerFailedError, cpus
from benchmarks.tables import aligned

_MISSING: Final = "-"
_MANY: Final = "onnx-100"
_ALONE: Final = "onnx-1"


@dataclass(frozen=True)
class Case:
    """So many models; those of ``examples``, or copies of one small ONNX model. MLServer has ONNX alone."""

    name: str
    title: str
    count: int
    examples: tuple[str, ...] = ()
    limited: bool = False

    @property
    def contenders(self) -> tuple[str, ...]:
        """Who can serve it."""
        return ("migrate",) if self.examples or self.limited else tuple(CONTENDERS)


CASES: Final = (
    Case(_ALONE, "1 small ONNX model", 1),
    Case("onnx-10", "10 small ONNX models", 10),
    Case(_MANY, "100 small ONNX models", 100),
    Case("onnx-300", "300 small ONNX models", 300),
    Case("onnx-100-limited", "100 with half of their memory", 100, limited=True),
    Case("tensorflow-20", "20 SavedModels", 20, SAVED),
    Case("mixed-20", "20 of a mixed namespace (SavedModels of TF 1 and 2, zips, flows)", 20, MIXED),
)
Visits = dict[tuple[str, str], list[Visit]]


def main() -> int:
    """Run all rounds and print the table; 1 when a server failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of a second each: does everything work?")
    parser.add_argument("--rounds", type=int, default=3, help="how often each server has its turn")
    parser.add_argument("--only", help="names of servers, by commas: " + ",".join(CONTENDERS))
    parser.add_argument("--cases", help="names of cases, by commas: " + ",".join(case.name for case in CASES))
    parser.add_argument("--json", type=Path, default=Path("build/bench-packed.json"), help="where the numbers go")
    options = parser.parse_args()
    only = _chosen(options.only, list(CONTENDERS))
    names = _chosen(options.cases, [case.name for case in CASES])
    cases = [case for case in CASES if case.name in names]
    wrk()
    python_of(OURS)
    if "mlserver" in only:
        python_of("mlserver")
    found = machine()
    # This process polls and waits: away from the measured CPU with it, too.
    os.sched_setaffinity(0, {cpus()[1]})
    rounds = 1 if options.quick else max(1, options.rounds)
    visits, failures = run_rounds(cases, only, rounds, seconds=1 if options.quick else 5)
    print(f"{', '.join(f'{name} {value}' for name, value in found.items())}; medians of {rounds} round(s)\n")
    print(table(visits, cases))
    print(f"\ntargets\n{targets(visits)}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    numbers = {f"{who} {case}": [asdict(one) for one in some] for (who, case), some in visits.items()}
    options.json.write_text(json.dumps({"machine": found, "rounds": rounds, "visits": numbers}, indent=1) + "\n")
    say(f"the numbers are in {options.json}")
    for failure in failures:
        say(failure)
    return 1 if failures else 0


def _chosen(names: str | None, every: list[str]) -> list[str]:
    if names is None:
        return every
    wanted = [name.strip() for name in names.split(",")]
    unknown = [name for name in wanted if name not in every]
    if unknown:
        raise SystemExit(f"bench-packed: nothing is named {', '.join(unknown)}; there are {', '.join(every)}.")
    return wanted


def run_rounds(cases: list[Case], only: list[str], rounds: int, *, seconds: int) -> tuple[Visits, list[str]]:
    """Every server with every namespace, round by round; failures in words."""
    visits: Visits = {}
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-packed-") as folder:
        scratch = Path(folder)
        code = server_code(scratch / "code")
        namespaces = {case.name: _namespace(case, scratch / case.name) for case in cases}
        limit = 0
        for number in range(1, rounds + 1):
            for case in cases:
                namespace = namespaces[case.name]
                for who in [name for name in case.contenders if name in only]:
                    say(f"round {number} of {rounds}: {who}, {case.title}")
                    try:
                        if case.limited and not limit:
                            limit = _half(visits, namespace, scratch, code)
                        bound = limit if case.limited else 0
                        seen = visit(who, namespace, scratch, code, seconds=seconds, limit=bound)
                    except (ServerFailedError, OSError) as error:
                        failures.append(f"{who}, {case.title}: {error}")
                        continue
                    visits.setdefault((who, case.name), []).append(seen)
    return visits, failures


def _namespace(case: Case, root: Path) -> Namespace:
    return example_models(root, case.examples, case.count) if case.examples else small_models(root, case.count)


def _half(visits: Visits, namespace: Namespace, scratch: Path, code: Path) -> int:
    """Bytes in the middle between the memory of one model and that of a hundred."""
    found = []
    for name, count in ((_ALONE, 1), (_MANY, 100)):
        if ("migrate", name) in visits:
            found.append(middle(visits["migrate", name]).ready_bytes)
            continue
        some = Namespace(namespace.root, namespace.runtime, dict(list(namespace.requests.items())[:count]))
        if count == 1:
            some = small_models(scratch / "alone", 1)
        found.append(visit("migrate", some, scratch, code, seconds=1).ready_bytes)
    return sum(found) // 2


def table(visits: Visits, cases: list[Case]) -> str:
    """A row for each server and namespace."""
    head = ["", "", "ready s", "RSS MB", "one/s", "p99 ms", "all/s", "p99 ms", "RSS MB after", "errors"]
    rows = [[*head, "unloaded", "again ms"]]
    for case in cases:
        for who in case.contenders:
            if (who, case.name) not in visits:
                continue
            found = middle(visits[who, case.name])
            again = f"{median(found.again) * 1000:.1f}" if found.again else _MISSING
            rows.append(
                [
                    case.title,
                    who,
                    f"{found.ready_seconds:.2f}",
                    f"{found.ready_bytes / 1e6:.0f}",
                    f"{found.one.rps:,.0f}",
                    f"{found.one.p99 * 1000:.2f}",
                    f"{found.every.rps:,.0f}",
                    f"{found.every.p99 * 1000:.2f}",
                    f"{found.bytes / 1e6:.0f}",
                    str(found.one.errors + found.every.errors),
                    str(found.unloads) if case.limited else _MISSING,
                    again,
                ]
            )
    return aligned(rows, texts=(0, 1))


def targets(visits: Visits) -> str:
    """What is promised of a hundred small models, beside what was measured."""
    many, alone = (visits.get(("migrate", name)) for name in (_MANY, _ALONE))
    found = None if many is None else middle(many)
    ratio = None if found is None or alone is None else found.one.rps / middle(alone).one.rps
    promised: tuple[tuple[str, float | None, float, bool], ...] = (
        ("100 small models: seconds to ready", None if found is None else found.ready_seconds, 1.5, True),
        ("100 small models: RSS in MB", None if found is None else found.bytes / 1e6, 300.0, True),
        ("one of 100: requests/s over those of one alone", ratio, 0.9, False),
    )
    rows = [["", "measured", "wanted", ""]]
    for text, value, wanted, at_most in promised:
        met = _MISSING if value is None else "met" if (value <= wanted if at_most else value >= wanted) else "missed"
        rows.append(
            [text, _MISSING if value is None else f"{value:.3g}", f"{'<=' if at_most else '>='} {wanted:g}", met]
        )
    return aligned(rows)


if __name__ == "__main__":
    sys.exit(main())
