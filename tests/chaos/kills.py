"""A command that is ended with kill -9 at a place of its journey, and what is done and checked afterwards."""

import json
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from migrate.sandbox import control
from tests.chaos import audit
from tests.chaos.stage import Stage
from tests.e2e.harness import ending, kill_group
from tests.waiting import wait_until

if TYPE_CHECKING:
    import subprocess

    from migrate.sandbox.base.requestlog import Line

STEPS: Final = (
    "authorize", "fetch", "inspect", "record", "render", "build", "rehearse", "user", "push", "register", "deploy",
    "wait", "token", "prove", "change", "undo",
)  # fmt: skip
"""Where a kill is aimed at: the steps of the journey, and the calls of OVHcloud's API that change something."""

UNAIDED: Final = (*STEPS, "upload", "blob", "manifest", "attach")
"""The same without an engine, where the command itself asks the registry."""

_REGISTRY: Final = {
    "upload": ("POST", r"/blobs/uploads/"),
    "blob": ("PUT", r"/blobs/uploads/"),
    "manifest": ("PUT", r"/manifests/[0-9a-f]{12}$"),
    "attach": ("PUT", r"/manifests/sha256[:-]"),
}
_CALLS: Final = {
    "authorize": ("POST", r"/ai/authorization$"),
    "user": ("POST", r"/project/[^/]+/user$"),
    "register": ("POST", r"/ai/registry$"),
    "deploy": ("POST", r"/ai/app$"),
    "token": ("POST", r"/ai/token$"),
    "change": ("PUT", r"/ai/app/[^/]+(/stop|/start)?$"),
    "undo": ("DELETE", r"/(ai/app|ai/token|ai/registry|user)/[^/]+$"),
}
_SECONDS: Final = {"build": 0.3, "rehearse": 1.5, "push": 0.3, "prove": 0.15, "record": 0.04}
_PATIENCE: Final = 240


@dataclass
class Kill:
    """How a kill went: the step that it fell in; it counts where effects lay before it and behind it."""

    step: str
    counts: bool


def play(stage: Stage, step: str, chance: random.Random) -> Kill:
    """Kill a command in a step, look, and bring everything to its end.

    Raises:
        Finding: Something is not as it must be afterwards.
    """
    if step in {"change", "undo"}:
        first = stage.run()
        audit.hold(first.code == 0, f"the first run, which nobody disturbed: {first.err}{first.out[-2000:]}")
    fell = _killed(stage, step, chance)
    before, cut = _effects(stage.sandbox.log()), len(stage.sandbox.log())
    audit.readable(stage, "status", stage.source, "--json")
    if chance.random() < 0.2:
        _kill_somewhere(stage, chance)
    undo_first = step != "undo" and chance.random() < 0.2
    if undo_first or step == "undo":
        audit.undone(stage, stage.undo())
    after_undo = _effects(stage.sandbox.log()[cut:])
    audit.moved(stage, _again(stage, step))
    after = after_undo if step == "undo" else _effects(stage.sandbox.log()[cut:])
    audit.readable(stage, "why", stage.source, stage.models[0])
    audit.undone(stage, stage.undo())
    audit.readable(stage, "status", stage.source)
    return Kill(fell, fell != "nowhere" and before > 0 and after > 0)


def _again(stage: Stage, step: str) -> Any:
    return stage(*stage.run_words, *(("--cpus", "2") if step == "change" else ()))


def _words(stage: Stage, step: str) -> tuple[str, ...]:
    match step:
        case "undo":
            return ("undo", stage.source, "--yes", "--json")
        case "change":
            return (*stage.run_words, "--cpus", "2")
        case _:
            return stage.run_words


def _killed(stage: Stage, step: str, chance: random.Random) -> str:
    """Kill where it is wanted; the step in which the command really was."""
    process = stage.start(*_words(stage, step))
    with process, ending(process):
        if step in _CALLS:
            method, path = _CALLS[step]
            point = chance.choice(("after", "answered") if step == "authorize" else ("before", "after", "answered"))
            nth = {"token": 2, "change": 3, "undo": 3}.get(step, 1)
            return _held(stage, process, step, point, method=method, path_regex=path, nth=chance.randint(1, nth))
        if step in _REGISTRY:
            return _at_registry(stage, process, step, chance)
        if step == "fetch" and chance.random() < 0.5:
            return _held(stage, process, step, "during", method="GET", path_regex=r"\.onnx", nth=1)
        events: list[dict[str, Any]] = []
        aim, delay = _aim(step, chance)
        assert process.stdout is not None
        for line in process.stdout:
            events.append(json.loads(line))
            if aim(events[-1]):
                time.sleep(delay)
                kill_group(process)
        process.wait(timeout=_PATIENCE)
        return _open_step(events, step)


def _held(stage: Stage, process: "subprocess.Popen[str]", step: str, point: str, **where: object) -> str:
    reached = stage.folder / "reached"
    control.fail(stage.sandbox.folder, "hold", point=point, touch=str(reached), kill=process.pid, **where)
    process.communicate(timeout=_PATIENCE)
    control.release(stage.sandbox.folder)
    if not reached.exists():
        return "nowhere"
    if point != "answered":  # the request is written down when the sandbox has seen that nobody waits for its answer
        wait_until(
            lambda: any(line.fault in {"hold", "gone"} for line in stage.sandbox.log()), "the request is not over"
        )
    return step


def _at_registry(stage: Stage, process: "subprocess.Popen[str]", step: str, chance: random.Random) -> str:
    """Kill when a request has come to the registry's door, or when it was answered."""
    method, path = _REGISTRY[step]
    nth = chance.randint(1, 3) if step in {"upload", "blob"} else 1
    reader = threading.Thread(target=process.communicate)  # else it would wait for who reads its events
    reader.start()
    if chance.random() < 0.5:
        where: dict[str, Any] = {"service": "registry", "method": method, "path_regex": path, "nth": nth, "times": 1}
        fault = control.fail(stage.sandbox.folder, "slow", seconds=_PATIENCE, **where)

        def reached() -> bool:
            running = control.status(stage.sandbox.folder)
            return running is not None and bool(running.faults[fault]["struck"])
    else:

        def reached() -> bool:
            lines = stage.sandbox.log()
            mine = [line for line in lines if (line.service, line.method) == ("registry", method)]
            return sum(re.search(path, line.path) is not None and line.status < 300 for line in mine) >= nth

    met = False
    while not met and process.poll() is None:
        met = reached()
        time.sleep(0.02)
    kill_group(process)
    reader.join(_PATIENCE)
    control.release(stage.sandbox.folder)
    return step if met else "nowhere"


def _aim(step: str, chance: random.Random) -> tuple[Callable[[dict[str, Any]], bool], float]:
    """Which event is waited for, and the seconds after it."""
    if step == "wait":
        state = chance.choice(("QUEUED", "INITIALIZING", "SCALING", "SCALING"))
        return lambda event: event.get("step") == "deploy" and event.get("detail") == state, chance.uniform(0, 0.5)
    return (
        lambda event: event["event"] == "step-started" and event.get("step") == step,
        chance.uniform(0, _SECONDS[step]) if step in _SECONDS else 0.0,
    )


def _open_step(events: list[dict[str, Any]], wanted: str) -> str:
    """The step that had begun last and not ended; the wait for an app is a part of its deployment."""
    if events and events[-1]["event"] == "result":
        return "nowhere"
    steps = [event for event in events if event["event"].startswith("step-") and event["event"] != "step-progress"]
    begun = [event["step"] for event in steps if event["event"] == "step-started"]
    if begun and wanted == "wait" and begun[-1] == "deploy":
        return wanted
    ended = [event["step"] for event in steps if event["event"] == "step-finished"]
    still = [step for step in begun if begun.count(step) > ended.count(step)]
    if wanted in still or not begun:
        return wanted if wanted in still else "nowhere"
    return still[-1] if still else begun[-1]


def _kill_somewhere(stage: Stage, chance: random.Random) -> None:
    """Once more, at any time: no run may count on the one before it."""
    process = stage.start(*stage.run_words)
    with process, ending(process):
        time.sleep(chance.uniform(0.3, 5))
        kill_group(process)
        process.communicate(timeout=_PATIENCE)


def _effects(lines: "list[Line]") -> int:
    """How many requests changed something outside."""
    changing = {"POST", "PUT", "DELETE", "PATCH"}
    reading = ("/publicUrl", "/storage/access")
    return sum(
        line.service in {"api", "registry"}
        and line.method in changing
        and 200 <= line.status < 300
        and not line.operation.endswith(reading)
        for line in lines
    )
