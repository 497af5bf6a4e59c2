"""The project's users and the roles they can have."""

from typing import Final

from migrate.sandbox.api.calls.project import PROJECT
from migrate.sandbox.base.errors import bad_request, not_found
from migrate.sandbox.base.requestlog import timestamp
from migrate.sandbox.world.people import ROLES, User
from migrate.sandbox.world.world import Call, World

USER: Final = f"{PROJECT}/user"


def _role(name: str) -> dict[str, object]:
    return {"description": ROLES[name], "id": name.encode().hex(), "name": name, "permissions": []}


def _record(user: User) -> dict[str, object]:
    return {
        "creationDate": timestamp(user.created),
        "description": user.description,
        "id": user.id,
        "openstackId": f"{user.id:032x}",
        "roles": [_role(name) for name in user.roles],
        "status": user.status,
        "username": user.username,
    }


def _show(user: User) -> dict[str, object]:
    shown = _record(user)
    if user.status == "creating":
        user.status = "ok"
    return shown


def _find(world: World, call: Call) -> User:
    user = world.people.users.get(int(call.path["userId"]))
    if user is None:
        raise not_found("This user does not exist")
    return user


def _list(world: World, _call: Call) -> object:
    return [_show(user) for user in world.people.users.values()]


def _create(world: World, call: Call) -> object:
    role, roles = call.body.get("role"), call.body.get("roles") or []
    asked = tuple(dict.fromkeys([*([role] if role else []), *roles]))
    if not asked:
        raise bad_request("body.roles must name at least one role")
    user = world.people.add_user(call.body.get("description") or "", asked)
    return _record(user) | {"password": user.password}


def _get(world: World, call: Call) -> object:
    return _show(_find(world, call))


def _delete(world: World, call: Call) -> None:
    del world.people.users[_find(world, call).id]


def _regenerate(world: World, call: Call) -> object:
    user = world.people.regenerate(_find(world, call))
    return _record(user) | {"password": user.password}


def _roles(_world: World, _call: Call) -> object:
    return {"roles": [_role(name) for name in ROLES], "services": []}


HANDLERS = {
    ("GET", USER): _list,
    ("POST", USER): _create,
    ("GET", f"{USER}/{{userId}}"): _get,
    ("DELETE", f"{USER}/{{userId}}"): _delete,
    ("POST", f"{USER}/{{userId}}/regeneratePassword"): _regenerate,
    ("GET", f"{PROJECT}/role"): _roles,
}
