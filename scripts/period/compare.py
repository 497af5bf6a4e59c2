"""Serve model files of other years, and hold the answers against those of the libraries that wrote them.

    python scripts/period/compare.py [--only TEXT] [--json FILE] [FOLDER]...

FOLDER (by default ``tests/period``) has ``models/NAME/`` and ``expect/NAME.json``, with NAME as LIBRARY-KIND. It holds
``want`` and ``requests``, each with a JSON ``body`` and the tensors that it ``want``s:

    {"body": {"x": [[1.5]]}, "want": {"y": {"dtype": "float32", "shape": [1, 3], "data": [0.1, 0.2, 0.7]}}}

One request may stand as ``inputs`` and ``outputs``, both of tensors. A ``shape`` of null: the values alone count. The
output ``*`` is ``probabilities``, or else the only one. ``"want": "refused"``: the verdict says no, or each call is
answered with 400 or 500. Files of all kinds are served, pickles too: give no folder that you do not trust.

All models of a runtime are served by one process; where that one does not get ready, by several with fewer. Prints a
table of libraries and a line for each miss; exits with 1 when there is one.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance import CHECKOUT, call, server_of
from conformance_artifacts import artifact_of
from tensors import difference

from migrate.core.model_json import content_of
from migrate.formats import inspect

OURS: Final = CHECKOUT / "tests" / "period"
OK: Final = "ok"


def main() -> int:
    """Compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="*", default=[OURS])
    parser.add_argument("--only", default="", metavar="TEXT", help="models with this text in their names")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the outcome of each model goes")
    options = parser.parse_args()
    found: dict[str, str] = {}
    for folder in options.folders:
        if not (folder / "expect").is_dir():
            parser.error(f"{folder} has no folder 'expect'")
        for name, outcome in outcomes(folder, options.only):
            found[name] = outcome
            if outcome != OK:
                print(f"miss {name}: {outcome}", flush=True)
    print(table(found))
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if found and set(found.values()) == {OK} else 1


def outcomes(folder: Path, only: str) -> Iterator[tuple[str, str]]:
    """The name of each model with ``ok`` or what is wrong."""
    expected = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("expect/*.json"))}
    runtimes: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, expectation in expected.items():
            if only not in name or not (folder / "models" / name).is_dir():
                continue
            verdict, runtime = prepare(folder / "models" / name, Path(scratch, "models"))
            if runtime is not None:
                runtimes.setdefault(runtime, []).append(name)
            else:
                yield name, OK if expectation["want"] == "refused" else f"refused: {verdict}"
        for runtime, names in runtimes.items():
            asked = {name: expected[name] for name in names}
            for name, outcome in served(Path(scratch, "models"), runtime, asked):
                is_refused = asked[name]["want"] == "refused" and outcome.startswith("not served")
                yield name, OK if is_refused else outcome


def prepare(model: Path, root: Path) -> tuple[str, str | None]:
    """Writes what an image holds of a model; gives the verdict's text, and the runtime where the verdict is yes."""
    artifact = artifact_of(model)
    # Whoever names a folder has allowed what is in it.
    inspection = inspect(artifact, framework=None, allow_unsafe=[file.digest for file in artifact.files])
    if inspection.verdict != "ready":
        return f"{inspection.reason}: {inspection.text}", None
    folder = root / model.name
    shutil.copytree(model, folder / "files")
    settings = {"id": model.name, "title": model.name, **content_of(inspection.settings)}
    (folder / "model.json").write_text(json.dumps(settings), encoding="utf-8")
    return "", inspection.runtime


def served(root: Path, runtime: str, expected: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The outcomes of models of one runtime, from one process, or from two with half of them each."""
    with tempfile.TemporaryDirectory() as together:
        for name in expected:
            Path(together, name).symlink_to(root / name)
        try:
            with server_of(Path(together), runtime) as port:
                for name, expectation in expected.items():
                    yield name, asked(port, name, expectation)
        except SystemExit as error:  # the server ended before it was ready
            lines = str(error).splitlines()
            causes = [json.loads(line).get("reason", line) for line in lines if '"level":"error"' in line]
            reason = f"not served: {(causes or lines)[-1]}"
        else:
            return
    if len(expected) == 1:
        yield next(iter(expected)), reason
        return
    names = sorted(expected)
    for half in (names[::2], names[1::2]):
        yield from served(root, runtime, {name: expected[name] for name in half})


def asked(port: int, name: str, expectation: dict[str, Any]) -> str:
    """The outcome of one model, by its requests."""
    headers = {"Content-Type": "application/json", "Keep-Dimensions": "1"}
    for number, request in enumerate(requests_of(expectation)):
        body = json.dumps(request["body"]).encode()
        status, _, answer = call(port, "POST", f"/{quote(name)}/eval", headers, body)
        if expectation["want"] == "refused":
            return OK if status in (400, 500) else f"answered with {status}, though it never was"
        if status != 200:
            return f"request {number}: {status} {answer[:300].decode(errors='replace')}"
        wrong = difference(request["want"], json.loads(answer))
        if wrong:
            return f"request {number}: {wrong}"
    return OK


def requests_of(expectation: dict[str, Any]) -> list[dict[str, Any]]:
    """The requests, in the longer form."""
    if "requests" in expectation:
        requests: list[dict[str, Any]] = expectation["requests"]
        return requests
    body = {name: shaped(tensor["data"], tensor["shape"]) for name, tensor in expectation["inputs"].items()}
    return [{"body": body, "want": expectation["outputs"] or {}}]


def shaped(data: Any, shape: list[int]) -> Any:
    """Flat values as nested lists."""
    if not shape:
        return data[0] if isinstance(data, list) else data
    if len(shape) == 1:
        return data
    step = len(data) // shape[0] if shape[0] else 0
    return [shaped(data[at * step : (at + 1) * step], shape[1:]) for at in range(shape[0])]


def table(found: dict[str, str]) -> str:
    """A line for each library: how many of its models are as they were."""
    library = {name: name.partition("-")[0] for name in found}
    all_of, good = Counter(library.values()), Counter(library[name] for name in found if found[name] == OK)
    width = max([5, *map(len, all_of)])
    lines = [f"{name:{width}}  {good[name]:4} of {count:4}" for name, count in sorted(all_of.items())]
    return "\n".join([*lines, f"{'all':{width}}  {sum(good.values()):4} of {len(found):4}"])


if __name__ == "__main__":
    sys.exit(main())
