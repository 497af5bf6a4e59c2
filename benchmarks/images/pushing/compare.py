"""The routes beside each other, to registries of the same kind: cold, warm, one more model, and a large one."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.images.cases import EXAMPLES
from benchmarks.images.pushing.clocked import stored
from benchmarks.large.model import MODEL, TABLE, write_model, write_table
from benchmarks.machine import machine
from benchmarks.runs.models import make_models
from benchmarks.runs.python_base import base_image, fetch_wheels, wheels_over_http
from benchmarks.tables import aligned
from migrate.images.base.archive import bootstrap
from tests.images.registry.real import Real, docker_registry

FORMER: Final = "0d73485"
ROUTES: Final = {"this": "without an engine", "former": f"engine, {FORMER}", "shell": "shell loop"}
PHASES: Final = ("cold", "warm")
_HERE: Final = Path(__file__).parent
_CHECKOUT: Final = _HERE.parents[2]
_JOBS: Final = 4  # the default of ``--jobs`` in both commits
_SMALL: Final = 1_000_000  # bytes of the largest of the small models
_MB: Final = 1_000_000
_REQUIREMENTS: Final = {
    "onnx": _CHECKOUT / "benchmarks/runs/shell/requirements.txt",
    "tensorflow": _HERE / "requirements-tensorflow.txt",
}


def compare(options: argparse.Namespace) -> int:
    """Measure and print the tables; 1 where a target is missed."""
    names = (options.only or "onnx,tensorflow").split(",")
    routes = options.routes.split(",")
    if unknown := (set(names) - set(_REQUIREMENTS)) | (set(routes) - set(ROUTES)):
        raise SystemExit(f"bench-images: --push has no {', '.join(sorted(unknown))}")
    numbers: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="bench-push-") as place, ExitStack() as stack:
        folder = Path(place)
        former = stack.enter_context(_former(folder / "former")) if "former" in routes else folder
        for name in names:
            many = options.models if name == "onnx" else min(options.models, 3)
            models = _models(folder / name, name, many)
            found = {route: _measured(route, folder, former, name, models) for route in routes}
            numbers[name] = found
            _print(f"{many} models of {name}", _rows(found))
        if options.gb:
            numbers["large"] = large = _large(folder, int(options.gb * 1e9))
            _print(f"One model of {options.gb:g} GB, without an engine", _large_rows(large))
    if options.out is not None:
        options.out.write_text(json.dumps(numbers, indent=1) + "\n")
    missed = _missed(numbers)
    for fault in missed:
        print(f"bench-images: {fault}", file=sys.stderr)
    return 1 if missed else 0


def _models(folder: Path, name: str, many: int) -> dict[str, Path]:
    """A folder of models for each phase, no two alike: ``cold``, ``warm`` and ``one``."""
    sizes = {"cold": many, "warm": many, "one": 1}
    if name == "onnx":
        make_models(folder / "all", sum(sizes.values()), _SMALL)
    else:
        for number in range(sum(sizes.values())):
            made = folder / "all" / f"model-{number:02}"
            shutil.copytree(EXAMPLES / "formats/wine-tf2", made)
            saved = next(path.parent for path in made.rglob("saved_model.pb"))
            (saved / "assets").mkdir(exist_ok=True)
            (saved / "assets" / "number.txt").write_text(f"{number}\n")
    every = sorted((folder / "all").iterdir())
    found: dict[str, Path] = {}
    for phase, size in sizes.items():
        found[phase] = folder / phase
        found[phase].mkdir()
        for path in [every.pop(0) for _ in range(size)]:
            path.rename(found[phase] / path.name)
    return found


def _measured(route: str, folder: Path, former: Path, name: str, models: dict[str, Path]) -> dict[str, Any]:
    """What a route took in each phase: seconds, CPU seconds, and by how many bytes its registry grew."""
    print(f"bench-images: {name}, {ROUTES[route]}", file=sys.stderr, flush=True)
    place = folder / f"{name}-{route}"
    place.mkdir()
    with docker_registry(place / "registry") as registry, _base(route, folder, name) as (base, pip):
        try:
            if route == "shell":
                found = {phase: _loop(path, name, registry, base, pip) for phase, path in models.items()}
            else:
                checkout = former if route == "former" else _CHECKOUT
                found = {}
                for several in (("cold",), ("warm", "one")):
                    phases = [{"name": one, "models": _folders(models[one])} for one in several]
                    found |= _clocked(route, phases, place, checkout, base, registry)
            if route == "this":
                found["one"]["model"] = _model_layer(registry, found["one"]["images"][0])
            return found
        finally:
            if route != "this":
                _remove(registry.address, base)
            shutil.rmtree(place / "store", ignore_errors=True)


def _folders(models: Path) -> list[str]:
    return [str(path) for path in sorted(models.iterdir())]


def _clocked(
    route: str, phases: list[dict[str, Any]], place: Path, checkout: Path, base: str, registry: Real
) -> dict[str, Any]:
    job = {"route": route, "store": str(place / "store"), "base": base, "registry": registry.address, "jobs": _JOBS}
    (place / "job.json").write_text(json.dumps({**job, "data": str(registry.folder / "data"), "phases": phases}))
    ours = {name: text for name, text in os.environ.items() if not name.startswith(("OVH_", "MIGRATE_"))}
    words = [sys.executable, "-P", str(_HERE / "clocked.py"), str(place / "job.json"), str(place / "result.json")]
    log = place / "log"
    with log.open("wb") as out:
        done = subprocess.run(
            words, env={**ours, "PYTHONPATH": str(checkout)}, cwd=place, stdout=out, stderr=out, check=False
        )
    if done.returncode:
        raise SystemExit(f"bench-images: {route} ended with {done.returncode}\n{log.read_text()[-3000:]}")
    found: dict[str, Any] = json.loads((place / "result.json").read_text())["phases"]
    return found


def _loop(models: Path, name: str, registry: Real, base: str, pip: Mapping[str, str]) -> dict[str, Any]:
    environment = {**os.environ, **pip, "REGISTRY": registry.address, "BASE": base}
    before, start = stored(registry.folder / "data"), time.monotonic()
    subprocess.run([str(_HERE / "loop.sh"), str(models), str(_REQUIREMENTS[name])], env=environment, check=True)
    return {"seconds": time.monotonic() - start, "grown": stored(registry.folder / "data") - before}


def _model_layer(registry: Real, reference: str) -> int:
    """The compressed bytes of the model in an image: its last layer."""
    path, _, tag = reference.partition("/")[2].rpartition(":")
    link = registry.folder / f"data/docker/registry/v2/repositories/{path}/_manifests/tags/{tag}/current/link"
    return int(json.loads(registry.blob(link.read_text().strip()))["layers"][-1]["size"])


@contextmanager
def _base(route: str, folder: Path, name: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The base image, under an id of its own on an engine; and what pip is told in a build."""
    if route == "this":
        yield f"oci:{bootstrap(print)}", {}
        return
    place = folder / f"pip-{name}"
    if not place.exists():
        fetch_wheels(place, _REQUIREMENTS[name])
    with base_image(place) as base, wheels_over_http(place / "wheels") as pip:
        yield base, pip


def _remove(registry: str, base: str) -> None:
    """The images that were made from a base image and for a registry; the base goes where it was made."""
    listed = _docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    ours = [name for name in listed if name.startswith(f"{registry}/")]
    runtimes = [name for name in listed if name.startswith("migrate-runtime-")]
    below, *layers = [one["RootFS"]["Layers"] for one in json.loads(_docker("image", "inspect", base, *runtimes))]
    ours += [name for name, own in zip(runtimes, layers, strict=True) if own[: len(below)] == below]
    if ours:
        _docker("rmi", "--force", *ours)


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout


@contextmanager
def _former(place: Path) -> Iterator[Path]:
    git = ["git", "-C", str(_CHECKOUT), "worktree"]
    if subprocess.run([*git, "add", "--quiet", "--detach", str(place), FORMER], check=False).returncode:
        raise SystemExit(f"bench-images: this checkout has no commit {FORMER}; leave it out with --routes this,shell")
    try:
        yield place
    finally:
        subprocess.run([*git, "remove", "--force", str(place)], check=False)


def _large(folder: Path, size: int) -> dict[str, Any]:
    model, place = folder / "large-models" / "large", folder / "large"
    model.mkdir(parents=True)
    place.mkdir()
    write_model(model / MODEL, write_table(model / TABLE, size, seed=1))
    warm = folder / "large-models" / "first"
    shutil.copytree(EXAMPLES / "models/iris", warm)
    with docker_registry(place / "registry") as registry:
        base = f"oci:{bootstrap(print)}"
        phases = [
            {"name": "first", "models": [str(warm)]},
            {"name": "large", "models": [str(model)], "nowhere": True},
        ]
        return {**_clocked("this", phases, place, _CHECKOUT, base, registry)["large"], "bytes": size}


def _rows(found: dict[str, Any]) -> list[list[str]]:
    rows = [["", *(f"{phase} s" for phase in PHASES), "pushed MB cold", "warm", "one more s", "CPU s", "kB"]]
    for route, phases in found.items():
        one = phases["one"]
        rows.append([
            ROUTES[route],
            *(f"{phases[phase]['seconds']:.1f}" for phase in PHASES),
            *(f"{phases[phase]['grown'] / _MB:.1f}" for phase in PHASES),
            f"{one['seconds']:.2f}",
            f"{one['cpu']:.2f}" if "cpu" in one else "",
            f"{one['grown'] / 1000:.1f}" + (f" (its layer {one['model'] / 1000:.1f})" if "model" in one else ""),
        ])  # fmt: skip
    this = found.get("this")
    for route, phases in found.items():
        if this is not None and route != "this":
            times = [f"{phases[phase]['seconds'] / this[phase]['seconds']:.1f} times" for phase in PHASES]
            rows.append([f"{ROUTES[route]} takes", *times, "", "", "", "", ""])
    return rows


def _large_rows(found: dict[str, Any]) -> list[list[str]]:
    speeds = {
        "to the registry": found["seconds"],
        "archive, digests, compressor to nowhere": found["nowhere"],
        "compressor alone to nowhere": found["nowhere_alone"],
    }
    rows = [["", "s", "MB/s"]]
    rows += [[name, f"{seconds:.1f}", f"{found['bytes'] / seconds / _MB:.0f}"] for name, seconds in speeds.items()]
    return [*rows, ["peak MB", f"{found['peak'] / _MB:.0f}", ""]]


def _missed(numbers: dict[str, Any]) -> list[str]:
    told = []
    onnx = numbers.get("onnx", {})
    if "this" in onnx and "former" in onnx:
        for phase, least in (("warm", 8), ("cold", 3)):
            times = onnx["former"][phase]["seconds"] / onnx["this"][phase]["seconds"]
            if times < least:
                told.append(f"{phase}: {times:.1f} times sooner, {least} are wanted")
    if "this" in onnx:
        one = onnx["this"]["one"]
        if one["cpu"] > 0.3:
            told.append(f"one more model takes {one['cpu']:.2f} CPU-seconds, 0.3 are wanted")
        if one["grown"] > one["model"] + 20_000:
            told.append(f"one more model takes {one['grown'] - one['model']} bytes beside its own")
    if large := numbers.get("large"):
        if large["nowhere"] / large["seconds"] < 0.8:
            told.append(f"a large model goes at {large['nowhere'] / large['seconds']:.0%} of the compressor's speed")
        if large["peak"] > 150 * _MB:
            told.append(f"a large model takes {large['peak'] / _MB:.0f} MB of memory")
    return told


def _print(title: str, rows: list[list[str]]) -> None:
    print(f"{title}\n{aligned(rows)}\n", flush=True)
