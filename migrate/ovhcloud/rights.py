"""What the credentials may do, asked before anything is built, where OVHcloud tells.

A consumer key has rules, which ``GET /auth/currentCredential`` lists. Of service accounts, whose rights are IAM
policies, this API tells nothing beforehand: there a missing right is met at the call that needs it.
"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from migrate.core.errors import ConfigurationError
from migrate.ovhcloud import calls
from migrate.ovhcloud.calls import Call
from migrate.ovhcloud.session import Cloud, Session, convert

TO_RUN_APPS: Final = (calls.CREATE_APP, calls.CREATE_TOKEN)
TO_USE_SHARED_REGISTRY: Final = (calls.CREATE_USER,)


class Rule(Struct, frozen=True, order=True):
    """A rule of a consumer key; ``*`` in its path stands for anything, slashes too."""

    path: str
    method: str

    def covers(self, method: str, path: str) -> bool:
        """Whether it lets a call pass; the path has no query."""
        pattern = re.escape(self.path).replace(r"\*", ".*")
        return self.method == method and re.fullmatch(pattern, path, re.DOTALL) is not None

    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.method} {self.path}"


class _Credential(Struct, frozen=True):
    rules: tuple[Rule, ...]


def granted(session: Session) -> tuple[Rule, ...]:
    """The rules of the consumer key.

    Raises:
        ConfigurationError: It may not ask for them, or the credentials are those of a service account.
    """
    return convert(session.call(calls.CREDENTIAL), _Credential, "the credential").rules


def demand_rights(cloud: Cloud, wanted: Sequence[Call]) -> None:
    """Checks that a consumer key's rules cover these calls.

    Raises:
        ConfigurationError: Some are missing (code ``not-granted``); all of them are named.
    """
    try:
        rules = granted(cloud.session)
    except ConfigurationError:
        return  # a service account, or a key that may not ask: nothing is known
    missing = [call for call in wanted if not covered(rules, call, cloud.project)]
    if missing:
        named = ", ".join(f"{call.method} {call.template}" for call in missing)
        raise ConfigurationError(
            f"The consumer key has not been granted calls that this needs: {named}.",
            code="not-granted",
            next_step="Make a consumer key with the rules that migrate permissions prints: type migrate login "
            "--replace, or migrate permissions --as link.",
        )


def covered(rules: Sequence[Rule], call: Call, project: str) -> bool:
    """Whether rules let a call pass in a project, whatever the other parts of its path are."""
    path = pattern_of(call.template, project)
    return any(rule.covers(call.method, path) for rule in rules)


def pattern_of(template: str, project: str) -> str:
    """The path of a rule for a call: a project's id, and ``*`` for each other part that is not fixed."""
    return re.sub(r"\{[^}/]+\}", "*", template.replace("{serviceName}", project))
