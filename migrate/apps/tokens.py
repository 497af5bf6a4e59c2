"""Access tokens: bearers for the apps that a label selects."""

from typing import Literal

from msgspec import Struct

from migrate.core.errors import ConfigurationError
from migrate.core.secret import Secret
from migrate.ovhcloud import tokens
from migrate.ovhcloud.session import Cloud

Role = Literal["ai_training_read", "ai_training_operator"]


class AccessToken(Struct, frozen=True, kw_only=True):
    """A token; ``value`` is there only right after it was made or renewed."""

    id: str
    name: str
    region: str
    role: str
    label_selector: str | None
    value: Secret | None = None


def create_token(cloud: Cloud, *, name: str, region: str, role: Role, label_selector: str | None) -> AccessToken:
    """Make a token.

    Raises:
        RemoteError: ``maybe-done`` when it may have been made; its value is then lost, look for its name.
    """
    return _token(tokens.create(cloud, name=name, region=region, role=role, label_selector=label_selector))


def list_tokens(cloud: Cloud) -> tuple[AccessToken, ...]:
    """Every token of the project, without values."""
    return tuple(_token(token) for token in tokens.tokens(cloud))


def delete_token(cloud: Cloud, token_id: str) -> bool:
    """Delete a token; True when it is gone, also when it was before."""
    try:
        tokens.delete(cloud, token_id)
    except ConfigurationError as error:
        if error.code != "not-found":
            raise
    return True


def _token(record: tokens.Token) -> AccessToken:
    value = record.status.value
    return AccessToken(
        id=record.id,
        name=record.spec.name,
        region=record.spec.region,
        role=record.spec.role,
        label_selector=record.spec.label_selector,
        value=Secret(value) if value else None,
    )
