"""Measure runs over many models on the sandbox, this checkout beside another one.

    python -m benchmarks.runs [--against CHECKOUT] [--models 20] [--rounds 3] [--cases different,alike] [--out FILE]

Each run has a workspace of its own and is undone before the next begins; the images of the runtimes, and their layers
in the registry, are there before the first. The sides take turns, round after round. CHECKOUT is a folder of another
commit (`git worktree add FOLDER COMMIT`); it is run by this checkout's Python and packages.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.machine import machine
from benchmarks.tables import aligned
from migrate.sandbox import control
from migrate.sandbox.base.settings import Options

CASES: Final = {"different": "models that differ", "alike": "copies of one model"}
_HERE: Final = Path(__file__).parents[2]
_WARM: Final = "warm"
_STEPS: Final = ("record", "build", "rehearse", "push", "deploy", "prove")
_LIMIT: Final = 1800


@dataclass
class Side:
    """A checkout that is measured: by case, the seconds of each run, and those of its steps, summed over the models."""

    name: str
    checkout: Path
    walls: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    steps: dict[str, list[dict[str, float]]] = field(default_factory=lambda: defaultdict(list))

    def call(self, environment: Mapping[str, str], workspace: Path, *words: str) -> list[dict[str, Any]]:
        """The events of a command, which must end well."""
        done = subprocess.run(
            [sys.executable, "-c", "from migrate.cli.main import main; main()", *words, "--json"],
            env={**environment, "PYTHONPATH": str(self.checkout), "MIGRATE_WORKSPACE": str(workspace)},
            cwd=self.checkout,
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"bench-runs: {self.name}: {' '.join(words)} ended with {done.returncode}\n{done.stdout}")
        return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="a folder of another commit")
    parser.add_argument("--models", type=int, default=20, help="how many models a run moves")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured; medians are printed")
    parser.add_argument("--cases", default=",".join(CASES), help=f"of {', '.join(CASES)}")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the numbers go, as JSON; nowhere without it")
    options = parser.parse_args()
    sides = [Side("this", _HERE), *([Side("other", options.against.resolve())] if options.against else [])]
    cases = [case for case in CASES if case in options.cases.split(",")]
    with tempfile.TemporaryDirectory(prefix="bench-runs-") as name:
        _measure(sides, cases, Path(name), models=options.models, rounds=max(1, options.rounds))
    print(", ".join(f"{name} {value}" for name, value in machine().items()), end="\n\n")
    print(_table(sides, cases))
    if options.out is not None:
        numbers = {side.name: {"seconds": side.walls, "steps": side.steps} for side in sides}
        options.out.write_text(json.dumps({"machine": machine(), "models": options.models, **numbers}, indent=1) + "\n")
    return 0


def _measure(sides: list[Side], cases: list[str], folder: Path, *, models: int, rounds: int) -> None:
    for case in cases:
        for number in range(models):
            _write(folder / case / f"model-{number:02}" / "model.onnx", 0 if case == "alike" else number)
    for side in sides:
        _write(folder / f"{_WARM}-{side.name}" / "model" / "model.onnx", 0)
    control.start(folder / "sandbox", Options(samples=False, authorized=True, quota_cpu=4 * models))
    try:
        ours = {name: text for name, text in os.environ.items() if not name.startswith(("OVH_", "MIGRATE_"))}
        environment = {**ours, **control.env(folder / "sandbox")}
        for side in sides:
            _warm(side, "run", environment, folder)
        for turn in range(rounds):
            for case in cases:
                for side in sides:
                    _run(side, case, environment, folder, turn)
        for side in sides:
            _warm(side, "undo", environment, folder)
    finally:
        control.stop(folder / "sandbox")


def _warm(side: Side, word: str, environment: Mapping[str, str], folder: Path) -> None:
    """Moves one model, which stays until the end with the images that it needs, or takes it back."""
    name = f"{_WARM}-{side.name}"
    side.call(environment, folder / f"workspace-{name}", word, str(folder / name), "--yes")


def _run(side: Side, case: str, environment: Mapping[str, str], folder: Path, turn: int) -> None:
    workspace, source = folder / f"{side.name}-{case}-{turn}", str(folder / case)
    start = time.monotonic()
    events = side.call(environment, workspace, "run", source, "--yes")
    side.walls[case].append(time.monotonic() - start)
    steps: dict[str, float] = defaultdict(float)
    for event in events:
        if event["event"] == "step-finished" and event["step"] in _STEPS:
            steps[event["step"]] += event["seconds"]
    side.steps[case].append(steps)
    print(f"{side.name}, {CASES[case]}: {side.walls[case][-1]:.1f} s", file=sys.stderr, flush=True)
    side.call(environment, workspace, "undo", source, "--yes")


def _write(file: Path, seed: int) -> None:
    """A network of four features, sixteen hidden units and three classes, always the same for a seed."""
    random = np.random.default_rng(seed)
    weights = {"w": random.normal(size=(4, 16)), "v": random.normal(size=(16, 3))}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["sums"]),
        helper.make_node("Tanh", ["sums"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "v"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    file.parent.mkdir(parents=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), file)


def _table(sides: list[Side], cases: list[str]) -> str:
    rows = [["", "side", "run s", "to other", *(f"{step} s" for step in _STEPS)]]
    for case in cases:
        for side in sides:
            wall = statistics.median(side.walls[case])
            ratio = f"{wall / statistics.median(sides[-1].walls[case]):.2f}" if side is not sides[-1] else ""
            summed = [statistics.median(run.get(step, 0.0) for run in side.steps[case]) for step in _STEPS]
            rows.append([CASES[case], side.name, f"{wall:.1f}", ratio, *(f"{seconds:.0f}" for seconds in summed)])
    return aligned(rows, texts=(0, 1))


if __name__ == "__main__":
    sys.exit(main())
