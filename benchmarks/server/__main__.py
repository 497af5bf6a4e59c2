"""Measure the inference server beside its peers on this machine.

    python -m benchmarks.server [--quick] [--rounds N] [--only NAME,NAME] [--cases NAME,NAME] [--json FILE]

Each server runs alone, on one CPU, with the load generator (wrk) on another; the servers take turns, round by round.
Answers are held against onnxruntime's before anything is measured. Load goes to 127.0.0.1 only.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from benchmarks.machine import machine
from benchmarks.server.contenders import CONTENDERS, Contender, versions
from benchmarks.server.environments import python_of, say, server_code, wrk
from benchmarks.server.measure import Bench, Case, WrongAnswerError, visit
from benchmarks.server.models import MODELS, payloads, write_model
from benchmarks.server.processes import ServerFailedError, cpus
from benchmarks.server.report import MAIN, Visits, document, table
from benchmarks.server.samples import ROW, SAMPLES, sample_payloads, write_sample

CASES: Final = (
    Case(MAIN, "one row of 4 as JSON, 32 connections", "mlp", "row", 32, 6),
    Case("row-1", "one row of 4 as JSON, 1 connection", "mlp", "row", 1, 3),
    Case("rows-64", "64 rows of 4 as JSON, 32 connections", "mlp", "rows", 32, 4),
    Case("v2-binary", "64 rows of 4 as binary data of /v2, 32 connections", "mlp", "binary", 32, 4),
    Case("image-json", "1x3x224x224 as JSON (3 MB), 4 connections", "image", "tensor", 4, 4),
    Case("image-png", "the image as PNG, 4 connections", "image", "picture", 4, 4),
    Case("titanic", "one row of texts and numbers, 32 connections", "titanic", ROW, 32, 4),
    Case("tokenizer", "one text to its tokens, 32 connections", "support-tokens", ROW, 32, 4),
    Case("saved-model", "a SavedModel, one row of 13, 32 connections", "wine-tf2", ROW, 32, 4),
    Case("torchscript", "TorchScript, one row of 4 and a number, 32 connections", "species-torchscript", ROW, 32, 4),
    Case("pmml", "a regression in PMML, one row of 4, 32 connections", "species-regression", ROW, 32, 4),
)
ROUNDS: Final = 3
Entry = TypeVar("Entry", Contender, Case)


def main() -> int:
    """Run all rounds and print the table; 1 when a server failed or answered wrongly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of a second each: does everything work?")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each server has its turn")
    parser.add_argument("--only", help="names of servers, by commas: " + ",".join(c.name for c in CONTENDERS))
    parser.add_argument("--cases", help="names of cases, by commas: " + ",".join(case.name for case in CASES))
    parser.add_argument("--json", type=Path, default=Path("build/bench-server.json"), help="where the numbers go")
    options = parser.parse_args()
    contenders = chosen(options.only, CONTENDERS)
    rounds = 1 if options.quick else max(1, options.rounds)
    cases = [replace(case, seconds=1) if options.quick else case for case in chosen(options.cases, CASES)]
    wrk()
    for contender in contenders:
        python_of(contender.environment)
    found = describe_machine()
    # This process polls and waits: away from the measured CPU with it, too.
    os.sched_setaffinity(0, {cpus()[1]})
    visits, failures = run_rounds(contenders, cases, rounds)
    for contender in contenders:
        print(f"{contender.title}: " + ", ".join(f"{name} {text}" for name, text in versions(contender).items()))
    print(f"\n{', '.join(f'{name} {value}' for name, value in found.items())}; medians of {rounds} round(s)\n")
    print(table(visits, cases, contenders))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(document(visits, cases, contenders, found, rounds), indent=1) + "\n")
    say(f"the numbers are in {options.json}")
    for failure in failures:
        say(failure)
    return 1 if failures else 0


def chosen(names: str | None, every: tuple[Entry, ...]) -> list[Entry]:
    """Those of the names, or all."""
    if names is None:
        return list(every)
    known = {entry.name: entry for entry in every}
    wanted = [name.strip() for name in names.split(",")]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SystemExit(f"bench-server: nothing is named {', '.join(unknown)}; there are {', '.join(known)}.")
    return [known[name] for name in wanted]


def describe_machine() -> dict[str, object]:
    """What the numbers depend on."""
    server, load = cpus()
    if server == load:
        say("this machine has one CPU: servers and load share it, and the ratios mean less")
    return machine()


def run_rounds(contenders: list[Contender], cases: list[Case], rounds: int) -> tuple[Visits, list[str]]:
    """Every server with every model, round by round; failures in words."""
    visits: Visits = {}
    failures: list[str] = []
    wanted = {case.model for case in cases}
    made, taken = MODELS.keys() & wanted, SAMPLES.keys() & wanted
    with tempfile.TemporaryDirectory(prefix="bench-server-") as folder:
        scratch = Path(folder)
        bench = Bench(
            files={
                **{name: write_model(name, scratch / name) for name in made},
                **{name: write_sample(name, scratch / name) for name in taken},
            },
            payloads={
                **{name: payloads(name) for name in made},
                **{name: sample_payloads(name) for name in taken},
            },
            code=server_code(scratch / "code"),
            scratch=scratch,
        )
        for number in range(1, rounds + 1):
            for contender in contenders:
                say(f"round {number} of {rounds}: {contender.title}")
                for model in dict.fromkeys(case.model for case in cases):
                    try:
                        found = visit(bench, contender, model, [case for case in cases if case.model == model])
                    except (ServerFailedError, WrongAnswerError, OSError) as error:
                        failures.append(f"{contender.title}, {model}: {error}")
                        continue
                    if found is not None:
                        visits.setdefault((contender.name, model), []).append(found)
    return visits, failures


if __name__ == "__main__":
    sys.exit(main())
