"""Medians over the rounds, as a table, as ratios against the targets, and as JSON."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

from benchmarks.server.contenders import CONTENDERS, Contender, versions
from benchmarks.server.measure import Case, Sample, Visit
from benchmarks.tables import aligned

MAIN: Final = "row-32"
_MISSING: Final = "-"
_SMALLEST: Final = 1e-6

Visits = dict[tuple[str, str], list[Visit]]


@dataclass(frozen=True)
class Target:
    """A ratio or a size that is promised; ``by_cpu`` is the ratio of the CPU times, which other load disturbs less."""

    text: str
    value: float | None
    wanted: float
    at_most: bool = False
    by_cpu: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the measured value is on the right side; None where it was not measured."""
        if self.value is None:
            return None
        return self.value <= self.wanted if self.at_most else self.value >= self.wanted


def middle(samples: Iterable[Sample]) -> Sample | None:
    """The median of each number; errors are added up."""
    found = list(samples)
    if not found:
        return None
    return Sample(
        rps=median(sample.rps for sample in found),
        p50=median(sample.p50 for sample in found),
        p99=median(sample.p99 for sample in found),
        cpu_seconds=median(sample.cpu_seconds for sample in found),
        busy=median(sample.busy for sample in found),
        errors=sum(sample.errors for sample in found),
    )


def sample_of(visits: Visits, contender: str, case: Case) -> Sample | None:
    """The median of a contender's samples of a case."""
    return middle(
        visit.samples[case.name] for visit in visits.get((contender, case.model), []) if case.name in visit.samples
    )


def targets(visits: Visits, case: Case) -> list[Target]:
    """The targets, held against the one-row case."""

    def ratio(read: Callable[[Sample], float], over: str) -> float | None:
        ours, theirs = sample_of(visits, "migrate", case), sample_of(visits, over, case)
        return read(ours) / read(theirs) if ours is not None and theirs is not None else None

    def throughput(text: str, over: str, wanted: float) -> Target:
        by_cpu = ratio(lambda sample: 1 / max(sample.cpu_seconds, _SMALLEST), over)
        return Target(text, ratio(lambda sample: sample.rps, over), wanted, by_cpu=by_cpu)

    starts = visits.get(("migrate", case.model), [])
    ready = median(visit.ready_seconds for visit in starts) if starts else None
    memory = median(visit.memory_bytes for visit in starts) / 1e6 if starts else None
    return [
        throughput("requests/s over MLServer's", "mlserver", 10),
        throughput("requests/s over BentoML's", "bentoml", 40),
        throughput("requests/s over FastAPI's", "fastapi", 3),
        throughput("requests/s over the echo's", "echo", 0.6),
        Target("p99 over MLServer's", ratio(lambda sample: sample.p99, "mlserver"), 0.1, at_most=True),
        Target("seconds to ready", ready, 0.35, at_most=True),
        Target("RSS in MB", memory, 100, at_most=True),
    ]


def table(visits: Visits, cases: list[Case], contenders: list[Contender]) -> str:
    """A block for each case, then starts and memory, then the targets."""
    blocks = []
    for case in cases:
        rows = [["", "requests/s", "p50 ms", "p99 ms", "CPU s/1000", "CPU %", "errors"]]
        for contender in contenders:
            sample = sample_of(visits, contender.name, case)
            rows.append([contender.title, *_cells(sample)])
        blocks.append(f"{case.title}\n{aligned(rows)}")
    rows = [["", *(f"{what}, {model}" for model in _models(cases) for what in ("ready s", "RSS MB"))]]
    for contender in contenders:
        cells = [contender.title]
        for model in _models(cases):
            found = visits.get((contender.name, model), [])
            cells.append(f"{median(visit.ready_seconds for visit in found):.2f}" if found else _MISSING)
            cells.append(f"{median(visit.memory_bytes for visit in found) / 1e6:.0f}" if found else _MISSING)
        rows.append(cells)
    blocks.append(f"start and memory (after the load)\n{aligned(rows)}")
    main = next((case for case in cases if case.name == MAIN), None)
    if main is not None:
        blocks.append(f"targets, one row at {main.connections} connections\n{_target_table(targets(visits, main))}")
    return "\n\n".join(blocks)


def _target_table(found: list[Target]) -> str:
    rows = [["", "measured", "by CPU time", "wanted", ""]]
    for target in found:
        value, by_cpu = (_MISSING if number is None else f"{number:.3g}" for number in (target.value, target.by_cpu))
        word = {True: "met", False: "missed", None: "not measured"}[target.met]
        rows.append([target.text, value, by_cpu, f"{'<=' if target.at_most else '>='} {target.wanted:g}", word])
    return aligned(rows)


def _models(cases: list[Case]) -> list[str]:
    return list(dict.fromkeys(case.model for case in cases))


def _cells(sample: Sample | None) -> list[str]:
    if sample is None:
        return [_MISSING] * 6
    return [
        f"{sample.rps:,.0f}" if sample.rps >= 100 else f"{sample.rps:.1f}",
        f"{sample.p50 * 1000:.2f}",
        f"{sample.p99 * 1000:.2f}",
        f"{sample.cpu_seconds:.3f}",
        f"{sample.busy:.0%}",
        str(sample.errors),
    ]


def document(
    visits: Visits, cases: list[Case], contenders: list[Contender], machine: dict[str, object], rounds: int
) -> dict[str, Any]:
    """Everything that was measured, every round of it."""
    main = next((case for case in cases if case.name == MAIN), None)
    found = targets(visits, main) if main is not None else []
    return {
        "machine": machine,
        "rounds": rounds,
        "cases": [asdict(case) for case in cases],
        "contenders": {
            contender.name: {
                "title": contender.title,
                "versions": versions(contender),
                "visits": {
                    model: [asdict(visit) for visit in visits.get((contender.name, model), [])]
                    for model in _models(cases)
                },
                "medians": {
                    case.name: asdict(sample)
                    for case in cases
                    if (sample := sample_of(visits, contender.name, case)) is not None
                },
            }
            for contender in CONTENDERS
            if contender in contenders
        },
        "targets": [{**asdict(target), "met": target.met} for target in found],
    }
