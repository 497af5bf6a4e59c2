"""Run the onnx package's own backend tests through the inference server, over HTTP.

    python scripts/conformance_onnx.py [--kind KIND]... [--only TEXT] [--json FILE]

Every case that onnxruntime itself passes is inspected and served as `migrate` does it, and asked by
``/v2/models/{m}/infer`` in JSON and with binary tensors, and by ``/eval`` where the old contract has its types. Prints
the share that gives the same answer and a reason for each miss. Exits with 1 when a served model gives another answer
than it should; models that `migrate` declines are misses, too, but it says so beforehand.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

from conformance import wait_ready
from conformance_artifacts import artifact_of
from conformance_onnx_cases import KINDS, Case, Example, NotPassedError, cases, examples
from conformance_onnx_wire import OLD_ROUTE, ROUTES, TIMEOUT_SECONDS, MissError, OutsideError, check_old

from migrate.core.model_json import content_of
from migrate.formats import inspect

BATCH: Final = 150
DECLINED: Final = "declined: "
NOT_STARTED: Final = "does not start"
NAMED: Final = 3


@dataclass
class Outcome:
    """What became of a case: of each route ``pass``, ``miss`` or ``outside``, with the reason of the last two."""

    kind: str
    name: str
    not_passed: str = ""
    routes: dict[str, tuple[str, str]] = field(default_factory=dict)

    def miss_all(self, reason: str, found: list[Example]) -> None:
        """The same reason for every route that could have said it."""
        self.routes = {route.name: ("miss", reason) for route in ROUTES}
        try:
            for example in found:
                check_old(example)
        except OutsideError as error:
            self.routes[OLD_ROUTE] = ("outside", str(error))


def write_model(case: Case, root: Path) -> str:
    """Write what an image holds of a case's model; returns why `migrate` declines it, or nothing."""
    folder = root / case.name
    file = folder / "files" / "model.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(case.model.SerializeToString())
    inspection = inspect(artifact_of(file.parent), framework=None)
    if inspection.verdict != "ready":
        return f"{DECLINED}{inspection.text}"
    settings = {"id": case.name, "title": case.name, **content_of(inspection.settings)}
    (folder / "model.json").write_text(json.dumps(settings))
    return ""


@contextmanager
def server_of(root: Path) -> Iterator[int]:
    """A server process for all models below a folder; gives its port."""
    command = [sys.executable, "-m", "migrate.server", str(root), "--host", "127.0.0.1"]
    command += ["--port", "0", "--metrics-port", "0"]
    log = root.with_suffix(".log")
    with log.open("w+b") as stream:
        environment = {**os.environ, "MIGRATE_DRAIN_SECONDS": "0"}
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment)
        try:
            yield wait_ready(process, log)
        finally:
            process.terminate()
            process.wait(timeout=30)


def run_batch(batch: list[tuple[Case, list[Example]]], outcomes: dict[str, Outcome]) -> None:
    """Serve the models of some cases in one process and ask each; a model that stops the process is put aside."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "models")
        served = []
        for case, found in batch:
            reason = write_model(case, root)
            if reason:
                outcomes[case.name].miss_all(reason, found)
            else:
                served.append((case, found))
        if not served:
            return
        try:
            with server_of(root) as port:
                for case, found in served:
                    outcomes[case.name].routes = ask_all(port, case, found)
        except SystemExit as error:
            reason = str(error)
        else:
            return
    if len(served) == 1:
        (case, found) = served[0]
        outcomes[case.name].miss_all(f"{NOT_STARTED}: {_failure(reason)}", found)
        return
    for entry in served:
        case, found = entry
        if f"model {case.name}:" in reason:
            outcomes[case.name].miss_all(f"{NOT_STARTED}: {_failure(reason)}", found)
            run_batch([other for other in served if other is not entry], outcomes)
            return
    middle = len(served) // 2
    run_batch(served[:middle], outcomes)
    run_batch(served[middle:], outcomes)


def _failure(log: str) -> str:
    for line in reversed(log.splitlines()):
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        if "reason" in entry:
            return str(entry["reason"])[:200]
    return log[-200:]


def ask_all(port: int, case: Case, found: list[Example]) -> dict[str, tuple[str, str]]:
    """The outcome of each route."""
    results = {}
    for route in ROUTES:
        connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        try:
            for example in found:
                route.ask(connection, case.name, example, case.rtol, case.atol)
            results[route.name] = ("pass", "")
        except OutsideError as error:
            results[route.name] = ("outside", str(error))
        except MissError as error:
            results[route.name] = ("miss", str(error))
        except (OSError, HTTPException) as error:
            results[route.name] = ("miss", f"no answer: {type(error).__name__}: {error}")
        finally:
            connection.close()
    return results


def progress(text: str) -> None:
    """Say on a terminal how far it is."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def run_kind(kind: str, only: str) -> list[Outcome]:
    """Every case of a kind."""
    outcomes: dict[str, Outcome] = {}
    batch: list[tuple[Case, list[Example]]] = []
    for case in cases(kind):
        if only not in case.name:
            continue
        outcome = outcomes[case.name] = Outcome(kind, case.name)
        try:
            batch.append((case, examples(case)))
        except NotPassedError as error:
            outcome.not_passed = str(error)
        if len(batch) == BATCH:
            run_batch(batch, outcomes)
            batch = []
        progress(f"{kind}: {len(outcomes)}")
    run_batch(batch, outcomes)
    progress("")
    return list(outcomes.values())


def report(outcomes: list[Outcome]) -> bool:
    """Print the shares and the reasons; returns whether every served model gave the right answers."""
    passed = [outcome for outcome in outcomes if not outcome.not_passed]
    print(f"{len(outcomes)} cases; onnxruntime itself passes {len(passed)}, and not these, by what it says:")
    _print_groups((outcome.not_passed.partition(" : ")[0], outcome.name) for outcome in outcomes if outcome.not_passed)
    declined = [(reason, name) for state, reason, name in _states(passed, ROUTES[0].name) if _is_declined(reason)]
    print(f"\n{len(declined)} of the {len(passed)} models are not taken by migrate, which says so:")
    _print_groups((_without_names(reason.removeprefix(DECLINED)), name) for reason, name in declined)
    right = True
    for route in ROUTES:
        states = _states(passed, route.name)
        good = sum(state == "pass" for state, _, _ in states)
        asked = [entry for entry in states if entry[0] != "outside"]
        served = [entry for entry in asked if not _is_declined(entry[1])]
        print(
            f"\n{route.name}: {good} of {len(asked)} cases give the same answer ({_share(good, len(asked))}); "
            f"{good} of the {len(served)} whose models are served ({_share(good, len(served))})"
        )
        misses = [(reason, name) for state, reason, name in served if state == "miss"]
        right = right and not misses
        _print_groups(misses, whole=True)
        outside = [(_without_names(reason), name) for state, reason, name in states if state == "outside"]
        if outside:
            print(f"  {len(outside)} more cannot be said in the old contract:")
            _print_groups(outside)
    return right


def _states(outcomes: list[Outcome], route: str) -> list[tuple[str, str, str]]:
    return [(*outcome.routes[route], outcome.name) for outcome in outcomes]


def _is_declined(reason: str) -> bool:
    return reason.startswith(DECLINED)


def _without_names(reason: str) -> str:
    return re.sub(r' "[^"]*"', "", reason)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"


def _print_groups(reasons: Iterable[tuple[str, str]], *, whole: bool = False) -> None:
    """Each reason with its cases, the most frequent first; ``whole`` names every case."""
    groups: dict[str, list[str]] = defaultdict(list)
    for reason, name in reasons:
        groups[reason].append(name)
    for reason, names in sorted(groups.items(), key=lambda entry: -len(entry[1])):
        shown = ", ".join(names if whole else names[:NAMED])
        more = "" if whole or len(names) <= NAMED else ", ..."
        print(f"  {len(names):5}  {' '.join(reason.split())}\n         {shown}{more}")


def main() -> int:
    """Run the suite; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this kind; may be repeated")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases with this in their names")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every outcome there")
    options = parser.parse_args()
    outcomes = [outcome for kind in options.kind or KINDS for outcome in run_kind(kind, options.only)]
    if not outcomes:
        raise SystemExit("no case has such a name")
    if options.json:
        lines = [{"kind": o.kind, "name": o.name, "not_passed": o.not_passed, "routes": o.routes} for o in outcomes]
        options.json.write_text(json.dumps(lines, indent=1) + "\n")
    return 0 if report(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
