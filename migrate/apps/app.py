"""The states of an app of AI Deploy, and what each means to this tool (contract: AI Deploy images)."""

from typing import Final

from migrate.ovhcloud.apps import State

SERVING: Final = frozenset({State.RUNNING, State.STANDBY})
"""It answers: STANDBY is scaled to zero, and a request wakes it."""

ANSWERING: Final = SERVING | {State.SCALING}
"""An app that has served answers while its replicas change."""

RESTING: Final = frozenset({State.STOPPED, State.FAILED, State.ERROR})
"""Nothing of it runs, and it may be started."""

RESTARTED: Final = RESTING | {State.STOPPING}
"""It will not answer until somebody starts it."""

GONE: Final = frozenset({State.DELETING, State.DELETED})
"""It cannot be had back."""

ENDED: Final = RESTARTED | GONE
"""It will not answer by itself: nobody needs to wait for it."""

COUNTED: Final = frozenset({State.INITIALIZING, State.SCALING, State.RUNNING})
"""Its replicas use up the project's quota."""
