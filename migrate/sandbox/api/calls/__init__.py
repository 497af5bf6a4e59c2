"""The calls of the API that the sandbox carries out: one file for each service."""

from collections.abc import Callable

from migrate.sandbox.api.calls import (
    app_changes,
    apps,
    buckets,
    capabilities,
    login,
    managed,
    project,
    registries,
    serving,
    storage,
    tokens,
    users,
)
from migrate.sandbox.world.world import Call, World

Handler = Callable[[World, Call], object]

HANDLERS: dict[tuple[str, str], Handler] = {
    **app_changes.HANDLERS,
    **apps.HANDLERS,
    **buckets.HANDLERS,
    **capabilities.HANDLERS,
    **login.HANDLERS,
    **managed.HANDLERS,
    **project.HANDLERS,
    **registries.HANDLERS,
    **serving.HANDLERS,
    **storage.HANDLERS,
    **tokens.HANDLERS,
    **users.HANDLERS,
}
