"""The project's managed registries, and the users that they have of their own."""

import secrets
import uuid
from typing import Final

from migrate.sandbox.api.calls.project import PROJECT
from migrate.sandbox.base.errors import not_found
from migrate.sandbox.base.requestlog import timestamp
from migrate.sandbox.world.people import ManagedRegistry
from migrate.sandbox.world.world import Call, World

MANAGED: Final = f"{PROJECT}/containerRegistry"
_VERSION: Final = "2.11.1"  # of Harbor


def _record(world: World, item: ManagedRegistry) -> dict[str, object]:
    return {
        "createdAt": timestamp(item.created),
        "iamEnabled": False,
        "id": item.id,
        "name": item.name,
        "projectID": world.identity.project,
        "region": item.region,
        "size": 0,
        "status": "READY",
        "updatedAt": timestamp(item.created),
        "url": item.url,
        "version": _VERSION,
    }


def _find(world: World, call: Call) -> ManagedRegistry:
    item = world.people.managed.get(call.path["registryID"])
    if item is None:
        raise not_found("This registry does not exist")
    return item


def _list(world: World, _call: Call) -> object:
    return [_record(world, item) for item in world.people.managed.values()]


def _get(world: World, call: Call) -> object:
    return _record(world, _find(world, call))


def _user(identifier: str, user: tuple[str, str, str], *, password: bool = False) -> dict[str, object]:
    name, email, word = user
    return {"email": email, "id": identifier, "password": word if password else None, "user": name}


def _users(world: World, call: Call) -> object:
    return [_user(identifier, user) for identifier, user in _find(world, call).users.items()]


def _create_user(world: World, call: Call) -> object:
    item, identifier = _find(world, call), str(uuid.uuid4())
    name = call.body.get("login") or f"user-{secrets.token_hex(4)}"
    user = (name, call.body.get("email") or f"{name}@example.net", secrets.token_urlsafe(24))
    item.users[identifier] = user
    return _user(identifier, user, password=True)


def _delete_user(world: World, call: Call) -> None:
    if _find(world, call).users.pop(call.path["userID"], None) is None:
        raise not_found("This user does not exist")


HANDLERS = {
    ("GET", MANAGED): _list,
    ("GET", f"{MANAGED}/{{registryID}}"): _get,
    ("GET", f"{MANAGED}/{{registryID}}/users"): _users,
    ("POST", f"{MANAGED}/{{registryID}}/users"): _create_user,
    ("DELETE", f"{MANAGED}/{{registryID}}/users/{{userID}}"): _delete_user,
}
