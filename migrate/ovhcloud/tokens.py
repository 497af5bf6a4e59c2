"""Tokens of AI Deploy (contract: AI Deploy access): bearers for the apps that a label selects."""

from msgspec import Struct

from migrate.ovhcloud import calls
from migrate.ovhcloud.session import Cloud, convert


class TokenSpec(Struct, frozen=True, rename="camel"):
    """What was asked for; without a selector the token opens every workload of the region."""

    name: str = ""
    region: str = ""
    role: str = ""
    label_selector: str | None = None


class TokenStatus(Struct, frozen=True):
    """``value`` is the bearer, answered once: at creation and at renewal."""

    value: str | None = None
    version: int = 0


class Token(Struct, frozen=True, rename="camel"):
    """A token."""

    id: str
    spec: TokenSpec
    status: TokenStatus
    created_at: str = ""


def tokens(cloud: Cloud) -> tuple[Token, ...]:
    """Every token of the project, without values."""
    answer = cloud.call(calls.TOKENS)
    return convert(answer, tuple[Token, ...], "the tokens")


def create(cloud: Cloud, *, name: str, region: str, role: str, label_selector: str | None) -> Token:
    """Make a token; ``role`` is ai_training_read (call) or ai_training_operator (also manage)."""
    answer = cloud.call(
        calls.CREATE_TOKEN,
        body={"name": name, "region": region, "role": role, "labelSelector": label_selector},
    )
    return convert(answer, Token, "the new token")


def delete(cloud: Cloud, token_id: str) -> None:
    """Delete a token."""
    cloud.call(calls.DELETE_TOKEN, params={"id": token_id})
