"""Consumer keys: asked for, validated by a person on OVHcloud's page, looked at, revoked (contract: Login)."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from migrate.core.errors import ConfigurationError
from migrate.core.secret import Secret
from migrate.ovhcloud import calls
from migrate.ovhcloud.rights import Rule
from migrate.ovhcloud.session import Session, convert

_NOT_YET: Final = frozenset({"expired-credential", "wrong-key", "not-granted"})


class Asked(Struct, frozen=True):
    """A key that is good as soon as a person has opened the address and agreed."""

    consumer_key: Secret
    address: str


class Identity(Struct, frozen=True):
    """Whose the credentials are; ``identities`` are URNs."""

    account: str
    identities: tuple[str, ...] = ()


class _Request(Struct, frozen=True, rename="camel"):
    consumer_key: str
    validation_url: str


class _Credential(Struct, frozen=True):
    status: str = ""


def ask(session: Session, rules: Iterable[Rule]) -> Asked:
    """Asks for a consumer key of the session's application.

    Raises:
        ConfigurationError: ``wrong-key``: the application is not known at this endpoint.
        RemoteError: What OVHcloud answered.
    """
    wanted = [{"method": rule.method, "path": rule.path} for rule in rules]
    answer = session.call(calls.ASK_FOR_KEY, body={"accessRules": wanted})
    found = convert(answer, _Request, "the new consumer key")
    return Asked(Secret(found.consumer_key), found.validation_url)


def is_valid(session: Session) -> bool:
    """Whether the session's consumer key is validated.

    What the API answers before is not documented: 403 is expected (contract: Login).

    Raises:
        ConfigurationError: The call itself is refused, for another reason.
        RemoteError: OVHcloud cannot be asked.
    """
    try:
        answer = session.call(calls.CREDENTIAL)
    except ConfigurationError as error:
        if error.code not in _NOT_YET:
            raise
        return False
    return convert(answer, _Credential, "the credential").status == "validated"


def identity(session: Session) -> Identity:
    """Whose credentials these are, of whichever kind."""
    return convert(session.call(calls.DETAILS), Identity, "the login")


def revoke(session: Session) -> None:
    """Revokes the consumer key that the session signs with."""
    session.call(calls.LOGOUT)
