"""Users of the project; the role ai_training_operator opens the shared registry (contract: AI Deploy access)."""

from collections.abc import Sequence

from msgspec import Struct

from migrate.core.secret import Secret
from migrate.ovhcloud import calls
from migrate.ovhcloud.session import Cloud, convert


class User(Struct, frozen=True, rename="camel"):
    """A user; ``status`` is creating, ok, updating, disabled, deleting or deleted."""

    id: int
    username: str = ""
    description: str = ""
    status: str = ""


class _Detail(Struct, frozen=True):
    id: int
    username: str
    password: str
    status: str = ""


def users(cloud: Cloud) -> tuple[User, ...]:
    """Every user of the project."""
    answer = cloud.call(calls.USERS)
    return convert(answer, tuple[User, ...], "the users")


def user(cloud: Cloud, user_id: str) -> User:
    """One user."""
    answer = cloud.call(calls.USER, params={"userId": user_id})
    return convert(answer, User, "the user")


def create(cloud: Cloud, description: str, roles: Sequence[str]) -> tuple[User, Secret]:
    """Make a user; its password is answered once."""
    answer = cloud.call(calls.CREATE_USER, body={"description": description, "roles": list(roles)})
    record = convert(answer, _Detail, "the new user")
    made = User(id=record.id, username=record.username, description=description, status=record.status)
    return made, Secret(record.password)


def delete(cloud: Cloud, user_id: str) -> None:
    """Delete a user."""
    cloud.call(calls.DELETE_USER, params={"userId": user_id})
