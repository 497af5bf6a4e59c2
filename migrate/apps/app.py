"""An app of AI Deploy as this tool sees it: a value, where its models answer, and what its states mean.

The states are the contract's (contract: AI Deploy images).
"""

from typing import Final
from urllib.parse import quote

from migrate.core.values import App
from migrate.ovhcloud import apps
from migrate.ovhcloud.apps import State


def to_app(record: apps.App) -> App:
    """The API's record as a value."""
    scaling = record.spec.scaling_strategy
    fixed = scaling.fixed.replicas if scaling and scaling.fixed else None
    least = scaling.automatic.replicas_min if scaling and scaling.automatic else None
    return App(
        id=record.id,
        name=record.spec.name,
        url=(record.status.url or "").rstrip("/"),
        state=record.state,
        region=record.spec.region,
        image=record.spec.image,
        cpu=record.spec.resources.cpu,
        replicas=next((number for number in (fixed, least) if number is not None), 1),
        labels=record.spec.labels or {},
    )


def model_url(app: App, model_id: str) -> str:
    """Where a model answers as it did in ML Serving: ``/describe`` and ``/eval`` come after it."""
    return f"{app.url.rstrip('/')}/{quote(model_id, safe='')}"


SERVING: Final = frozenset({State.RUNNING, State.STANDBY})
"""It answers: STANDBY is scaled to zero, and a request wakes it."""

ANSWERING: Final = SERVING | {State.SCALING}
"""An app that has served answers while its replicas change."""

RESTING: Final = frozenset({State.STOPPED, State.FAILED, State.ERROR})
"""Nothing of it runs, and it may be started."""

RESTARTED: Final = RESTING | {State.STOPPING}
"""It will not answer until somebody starts it."""

FALLEN: Final = frozenset({State.FAILED, State.ERROR})
"""It ended by itself."""

GONE: Final = frozenset({State.DELETING, State.DELETED})
"""It cannot be had back."""

ENDED: Final = RESTARTED | GONE
"""It will not answer by itself: nobody needs to wait for it."""

COUNTED: Final = frozenset({State.INITIALIZING, State.SCALING, State.RUNNING})
"""Its replicas use up the project's quota."""
