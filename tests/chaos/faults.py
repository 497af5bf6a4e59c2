"""Runs while the sandbox does what it was told to do wrong, up to five faults in one, and what must hold after them."""

import random
from collections.abc import Callable
from typing import Any, Final

from migrate.sandbox import control
from tests.chaos import audit
from tests.chaos.stage import Stage

MOST: Final = 5
ATTEMPTS: Final = 4
_POSTS: Final = (r"/ai/app$", r"/ai/token$", r"/user$", r"/ai/authorization$")
_DELETES: Final = r"/(ai/app|ai/token|ai/registry|user)/[^/]+$"
_STATUSES: Final = (500, 502, 503, 504)
_MESSAGES: Final = {
    "FAILED": (
        "The image cannot be pulled: manifest unknown",
        "The container ended with exit code 1: exec format error",
        "The probe GET :8080/health/ready never passed: status 503",
        "The project's quota of 12 CPU is reached: 12 in use, 1 asked for",
    ),
    "ERROR": ("The node was lost", "Internal error of the platform"),
}

Fault = dict[str, Any]
Maker = Callable[[random.Random], Fault]


def _get(chance: random.Random) -> dict[str, Any]:
    return {"method": "GET", "nth": chance.randint(1, 8), "times": chance.randint(1, 3)}


def _post(chance: random.Random) -> dict[str, Any]:
    return {"method": "POST", "path_regex": chance.choice(_POSTS), "times": 1}


def _app_failed(chance: random.Random) -> Fault:
    state = chance.choice(("FAILED", "FAILED", "FAILED", "ERROR"))
    return {"fault": "app-failed", "state": state, "message": chance.choice(_MESSAGES[state]), "times": 1}


def _upload(chance: random.Random) -> dict[str, Any]:
    method = chance.choice(("HEAD", "POST", "PATCH", "PUT", "GET"))
    return {"service": "registry", "method": method, "nth": chance.randint(1, 2), "times": chance.randint(1, 2)}


API: Final[dict[str, Maker]] = {
    "429": lambda c: {
        "fault": "429",
        "nth": c.randint(1, 12),
        "times": c.randint(1, 3),
        "retry_after": c.choice((-1, 1)),
    },
    "5xx": lambda c: {
        "fault": "5xx",
        "service": "api",
        "status": c.choice(_STATUSES),
        "html": c.random() < 0.3,
        **_get(c),
    },
    "5xx before the effect": lambda c: {"fault": "5xx", "status": c.choice(_STATUSES), **_post(c)},
    "5xx after the effect": lambda c: {"fault": "5xx", "status": c.choice(_STATUSES), "done": True, **_post(c)},
    "cut answer": lambda c: {"fault": "drop", "service": "api", "after_bytes": c.choice((0, 7, 90)), **_get(c)},
    "cut answer of an effect": lambda c: {"fault": "drop", "after_bytes": c.choice((0, 7, 90)), **_post(c)},
    "cut before the effect": lambda c: {"fault": "drop", "point": "before", **_post(c)},
    "slow": lambda c: {"fault": "slow", "service": "api", "seconds": 0.4, "nth": c.randint(1, 10), "times": 3},
    "expired credential": lambda c: {"fault": "expired-credential", "nth": c.randint(1, 20), "times": 1},
    "clock": lambda c: {"fault": "clock-skew", "nth": c.randint(1, 10), "times": 1},
    "missing right": lambda c: {"fault": "not-granted", **_post(c)},
}
STORAGE: Final[dict[str, Maker]] = {
    "truncated download": lambda c: {
        "fault": "truncated-download", "after_bytes": c.randint(0, 200), "silent": c.random() < 0.3,
        "times": c.randint(1, 2),
    },
    "changed download": lambda c: {"fault": "changed-download", "at": c.randint(0, 150), "times": 1},
    "slow download": lambda _: {"fault": "slow", "service": "storage", "bytes_per_second": 4000, "times": 1},
    "storage 429": lambda c: {"fault": "429", "service": "storage", "times": c.randint(1, 2)},
    "storage 5xx": lambda c: {"fault": "5xx", "service": "storage", "times": c.randint(1, 2)},
    "expired storage token": lambda _: {"fault": "expired-credential", "service": "storage", "times": 1},
}  # fmt: skip
REGISTRY: Final[dict[str, Maker]] = {
    "registry 429": lambda c: {"fault": "429", **_upload(c)},
    "registry 5xx": lambda c: {"fault": "5xx", "status": c.choice(_STATUSES), **_upload(c)},
    "registry 5xx after the effect": lambda c: {"fault": "5xx", "done": True, **_upload(c)},
    "registry cuts the push": lambda c: {
        "fault": "cut-upload",
        "method": "PATCH",
        "after_bytes": c.randint(1, 300),
        "times": c.randint(1, 2),
    },
    "registry cuts the answer": lambda c: {"fault": "drop", **_upload(c)},
    "slow registry": lambda _: {"fault": "slow", "service": "registry", "seconds": 0.3, "times": 3},
    "registry refuses": lambda c: {"fault": "expired-credential", **_upload(c)},
}
PLATFORM: Final[dict[str, Maker]] = {
    "app fails": _app_failed,
    "quota": lambda _: {"fault": "quota", "cpu": 0},
    "ML Serving removed": lambda _: {"fault": "serving-gone"},
}
UNDOING: Final[dict[str, Maker]] = {
    "undo: 429": lambda _: {"fault": "429", "method": "DELETE", "times": 1, "retry_after": 1},
    "undo: 5xx": lambda c: {"fault": "5xx", "method": "DELETE", "done": c.random() < 0.5, "times": c.randint(1, 2)},
    "undo: cut answer": lambda _: {"fault": "drop", "method": "DELETE", "path_regex": _DELETES, "times": 1},
    "undo: expired credential": lambda c: {
        "fault": "expired-credential",
        "method": "DELETE",
        "nth": c.randint(1, 3),
        "times": 1,
    },
}
RUNNING: Final = API | STORAGE | REGISTRY | PLATFORM


def play(stage: Stage, chance: random.Random, *, names: tuple[str, ...] = ()) -> tuple[dict[str, int], int]:
    """Run under faults until it is done, then undo under faults; what fired, and how many runs that took.

    Args:
        stage: Where.
        chance: What chooses.
        names: The faults of the run, from ``RUNNING``; chance chooses them where none are named.

    Raises:
        Finding: Something is not as it must be.
    """
    chosen = names or tuple(chance.sample(sorted(RUNNING), chance.randint(3, MOST)))
    for name in chosen:
        control.fail(stage.sandbox.folder, **RUNNING[name](chance))
    runs = 0
    while True:
        ended = stage.run()
        runs += 1
        audit.ended_in_words(ended)
        if ended.code == 0:
            break
        if runs == 1:
            audit.readable(stage, *chance.choice((("status", stage.source), ("status", stage.source, "--json"))))
        _lift_states(stage)
        audit.hold(runs <= ATTEMPTS * MOST, f"not done after {runs} runs: {ended.out[-2000:]}")
        if runs == ATTEMPTS:
            control.release(stage.sandbox.folder)
    control.release(stage.sandbox.folder)
    audit.readable(stage, "why", stage.source, stage.models[0])
    audit.moved(stage, ended)
    for name in chance.sample(sorted(UNDOING), chance.randint(0, 2)):
        control.fail(stage.sandbox.folder, **UNDOING[name](chance))
    ended = stage.undo()
    for _ in range(ATTEMPTS):
        audit.ended_in_words(ended)
        if ended.code == 0:
            break
        ended = stage.undo()
    control.release(stage.sandbox.folder)
    audit.undone(stage, ended)
    audit.readable(stage, "status", stage.source)
    return fired(stage), runs


def fired(stage: Stage) -> dict[str, int]:
    """What the sandbox counted since the case began."""
    running = control.status(stage.sandbox.folder)
    audit.hold(running is not None, "the sandbox has ended")
    return dict(running.fired) if running is not None else {}


def _lift_states(stage: Stage) -> None:
    """Turn off what would last until somebody mends it, once a run has met it."""
    running = control.status(stage.sandbox.folder)
    for name, counts in (running.faults if running is not None else {}).items():
        if name.startswith(("quota", "serving-gone")) and counts["struck"]:
            control.release(stage.sandbox.folder, name)
