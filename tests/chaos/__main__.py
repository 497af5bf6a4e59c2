"""Disturb hundreds of runs, and look at what is left of each.

    python -m tests.chaos [--kills 200] [--faults 500] [--runs 120] [--lanes 3] [--minutes 58] [--seed N ...] [--keep]
        [--builder both|engine|none]

Each case has a seed, which is printed; ``--seed N`` plays that one alone, and ``--keep`` leaves its folder. Kills have
the seeds 1 to 9999, faults those from 10000 on. Of three cases one makes its images without an engine. The lanes are
sandboxes side by side over one engine. Polls are shortened by ``MIGRATE_POLL_SECONDS``, and nothing else.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.tables import aligned
from migrate.sandbox import control
from migrate.sandbox.base.settings import Options
from tests.chaos import faults, kills
from tests.chaos.stage import set_up, store_without_engine
from tests.e2e.harness import ROOT, Sandbox, Tool

FIRST_FAULT: Final = 10_000
LEAST: Final = 10
"""So many kills must have counted in each step."""

_TAG: Final = "migrate-chaos-first:iris"


@dataclass
class Score:
    """What has been played so far; one lock, many lanes."""

    builder: str = "both"
    kills: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    fired: Counter[str] = field(default_factory=Counter)
    combined: Counter[int] = field(default_factory=Counter)
    fault_cases: int = 0
    runs: int = 0
    failed: list[tuple[int, str]] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)


def aim_of(seed: int, *, unaided: bool = False) -> str:
    """The step that the kill of a seed is aimed at."""
    steps = kills.UNAIDED if unaided else kills.STEPS
    return steps[seed % len(steps)]


def is_unaided(seed: int, builder: str) -> bool:
    """Whether the command of a seed's case makes its images without an engine."""
    return builder == "none" or (builder == "both" and seed % 3 == 0)


def play(
    seed: int, sandbox: Sandbox, folder: Path, score: Score, *, store: Path | None = None, keep: bool = False
) -> None:
    """Play one case and write down how it went; with ``store``, without an engine."""
    chance = random.Random(seed)  # noqa: S311 - a game of chance that can be repeated
    begun = time.monotonic()
    what = aim_of(seed, unaided=store is not None) if seed < FIRST_FAULT else "faults"
    place = folder / str(seed)
    try:
        with set_up(sandbox, place, chance, registers=what == "register", store=store) as stage:
            if seed < FIRST_FAULT:
                kill = kills.play(stage, what, chance)
                told = f"killed in {kill.step}" + ("" if kill.counts else ", which does not count")
                with score.lock:
                    (score.kills if kill.counts else score.missed)[kill.step] += 1
            else:
                fired, runs = faults.play(stage, chance)
                told = f"{sum(fired.values())} faults fired in {runs} runs: {json.dumps(fired)}"
                with score.lock:
                    score.fired.update(fired)
                    score.combined[len(fired)] += 1
                    score.fault_cases += 1
                    score.runs += runs
    except Exception as problem:  # noqa: BLE001 - a finding or a bug of this program: both are told, and the rest goes on
        told = f"FAILED: {problem}"
        if not isinstance(problem, AssertionError):
            told += "\n" + "".join(traceback.format_exception(problem))
        with score.lock:
            score.failed.append((seed, str(problem)))
    else:
        if not keep:
            shutil.rmtree(place, ignore_errors=True)
    seconds = time.monotonic() - begun
    with score.lock:
        score.seconds[what].append(seconds)
    _tell(f"seed {seed} ({what}, {seconds:.0f} s): {told}")


def seeds_left(options: argparse.Namespace, score: Score, deadline: float) -> Iterator[int]:
    """The seeds in turn, until enough has happened or the time is over: kills and faults side by side."""
    kill, fault = 1, FIRST_FAULT
    if options.seed:
        yield from options.seed
        return
    while time.monotonic() < deadline:
        with score.lock:
            counted = sum(score.kills.values())
            thin = [step for step in kills.STEPS if options.kills and score.kills[step] < LEAST]
            fires, cases = sum(score.fired.values()), score.fault_cases
        kills_due = counted < options.kills or bool(thin and options.kills >= LEAST * len(kills.STEPS))
        faults_due = fires < options.faults or cases < options.runs
        if not kills_due and not faults_due:
            return
        if kills_due and (not faults_due or counted * options.runs <= cases * options.kills):
            while counted >= options.kills and aim_of(kill, unaided=is_unaided(kill, options.builder)) not in thin:
                kill += 1
            yield kill
            kill += 1
        else:
            yield fault
            fault += 1


def main() -> int:
    """Play, and print the table; 1 where a case failed or too little happened."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="kills that count")
    parser.add_argument("--faults", type=int, default=500, help="faults that fired")
    parser.add_argument("--runs", type=int, default=120, help="the least cases with faults")
    parser.add_argument("--lanes", type=int, default=3, help="sandboxes side by side")
    parser.add_argument("--minutes", type=float, default=58, help="after which no case is begun any more")
    parser.add_argument("--seed", type=int, action="append", help="this case alone; may be repeated")
    parser.add_argument("--keep", action="store_true", help="leave the folders of all cases, not of failed ones alone")
    parser.add_argument("--builder", choices=("both", "engine", "none"), default="both", help="who makes images")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of commands are started
    score, begun = Score(options.builder), time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="migrate-chaos-"))
    lanes = [
        Sandbox(folder / f"sandbox-{number}")
        for number in range(min(options.lanes, len(options.seed or [0] * options.lanes)))
    ]
    try:
        for lane in lanes:
            control.start(lane.folder, Options(rate_limit=0, unseen_seconds=0.2))
        # No undo owns the image of the runtime, and no case builds it.
        if options.builder != "none":
            built = Tool(lanes[0], folder / "first")(
                "build", str(ROOT / "examples/models/iris"), "--tag", _TAG, "--json"
            )
            if built.code:
                raise SystemExit(f"chaos: the image of the runtime cannot be built\n{built.out}{built.err}")
        without = store_without_engine(lanes[0], folder / "without") if options.builder != "engine" else None
        seeds, turn = seeds_left(options, score, begun + 60 * options.minutes), threading.Lock()

        over = threading.Event()

        def walk(lane: Sandbox) -> None:
            while not over.is_set():
                with turn:
                    seed = next(seeds, None)
                if seed is None:
                    return
                store = without if is_unaided(seed, options.builder) else None
                play(seed, lane, folder / "cases", score, store=store, keep=options.keep)

        with ThreadPoolExecutor(len(lanes)) as pool:
            try:
                for done in [pool.submit(walk, lane) for lane in lanes]:
                    done.result()
            finally:
                over.set()  # after Ctrl-C each lane ends its case
    finally:
        for lane in lanes:
            control.stop(lane.folder)
        if options.builder != "none":
            subprocess.run(["docker", "rmi", _TAG], check=False, capture_output=True)
        _tell(report(score, time.monotonic() - begun))
    enough = bool(options.seed) or (
        sum(score.kills.values()) >= options.kills
        and sum(score.fired.values()) >= options.faults
        and score.fault_cases >= options.runs
    )
    if score.failed or options.keep:
        _tell(f"The folders are left in {folder / 'cases'}.")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return int(bool(score.failed) or not enough)


def report(score: Score, seconds: float) -> str:
    """The table, and what failed with how to repeat it."""
    rows = [
        [step, str(score.kills[step]), str(score.missed[step]), _mean(score.seconds[step])]
        for step in (*kills.UNAIDED, *sorted({*score.kills, *score.missed} - set(kills.UNAIDED)))
    ]
    total = ["all", str(sum(score.kills.values())), str(sum(score.missed.values())), ""]
    kinds = ", ".join(f"{number}: {count}" for number, count in sorted(score.combined.items()))
    lines = [
        "",
        aligned([["step", "kills", "did not count", "seconds a case"], *rows, total]),
        "",
        aligned([["fault", "fired"], *([name, str(count)] for name, count in sorted(score.fired.items()))]),
        "",
        f"{sum(score.fired.values())} faults fired in {score.fault_cases} cases ({score.runs} runs)",
        f"cases by how many kinds fired in one: {kinds}",
        f"{sum(score.kills.values())} kills, {len(score.failed)} cases failed, {seconds / 60:.1f} minutes",
    ]
    for seed, why in score.failed:
        again = f"--seed {seed} --builder {score.builder} --keep"
        lines.append(f'seed {seed}: {why.splitlines()[0][:300]}\n    repeat it: make chaos ARGS="{again}"')
    return "\n".join(lines)


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _mean(seconds: list[float]) -> str:
    return f"{sum(seconds) / len(seconds):.0f}" if seconds else ""


if __name__ == "__main__":
    sys.exit(main())
