"""AI tokens: their value is in the answer that makes or renews them, and never again."""

from typing import Final

from migrate.sandbox.api.calls.project import PROJECT
from migrate.sandbox.base.errors import bad_request, not_found
from migrate.sandbox.base.flavors import check_region
from migrate.sandbox.base.requestlog import timestamp
from migrate.sandbox.world.people import AccessToken, parse_selector
from migrate.sandbox.world.world import Call, World

TOKEN: Final = f"{PROJECT}/ai/token"


def _record(token: AccessToken, *, value: bool = False) -> dict[str, object]:
    return {
        "createdAt": timestamp(token.created),
        "id": token.id,
        "spec": {
            "labelSelector": token.label_selector,
            "name": token.name,
            "region": token.region,
            "role": token.role,
        },
        "status": {"value": token.value if value else None, "version": token.version},
        "updatedAt": timestamp(token.updated),
    }


def _find(world: World, call: Call) -> AccessToken:
    token = world.people.tokens.get(call.path["id"])
    if token is None:
        raise not_found("This token does not exist")
    return token


def _list(world: World, _call: Call) -> object:
    return [_record(token) for token in world.people.tokens.values()]


def _create(world: World, call: Call) -> object:
    body = call.body
    if not body["name"].strip():
        raise bad_request("body.name must not be empty")
    if not body["role"].startswith("ai_training_"):
        raise bad_request(f"body.role {body['role']} is not one for AI Deploy")
    check_region(body["region"], "body.region")
    selector = body.get("labelSelector")
    try:
        parse_selector(selector or "")
    except ValueError:
        raise bad_request("body.labelSelector must be key=value[,key=value...]") from None
    return _record(world.people.add_token(body["name"], body["region"], body["role"], selector), value=True)


def _get(world: World, call: Call) -> object:
    return _record(_find(world, call))


def _delete(world: World, call: Call) -> None:
    del world.people.tokens[_find(world, call).id]


def _renew(world: World, call: Call) -> object:
    token = _find(world, call)
    world.people.renew(token)
    return _record(token, value=True)


HANDLERS = {
    ("GET", TOKEN): _list,
    ("POST", TOKEN): _create,
    ("GET", f"{TOKEN}/{{id}}"): _get,
    ("DELETE", f"{TOKEN}/{{id}}"): _delete,
    ("POST", f"{TOKEN}/{{id}}/renew"): _renew,
}
