"""What the credentials may do, asked before anything is built, where OVHcloud tells.

A consumer key has rules, which ``GET /auth/currentCredential`` lists. Of service accounts, whose rights are IAM
policies, this API tells nothing beforehand: there a missing right is met at the call that needs it.
"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from migrate.core.errors import ConfigurationError
from migrate.ovhcloud.session import Cloud, convert

Call = tuple[str, str]
"""A method, and a path with ``{serviceName}`` for the project."""

TO_RUN_APPS: Final[tuple[Call, ...]] = (
    ("POST", "/cloud/project/{serviceName}/ai/app"),
    ("POST", "/cloud/project/{serviceName}/ai/token"),
)
TO_USE_SHARED_REGISTRY: Final[tuple[Call, ...]] = (("POST", "/cloud/project/{serviceName}/user"),)


class _Rule(Struct, frozen=True):
    method: str
    path: str


class _Credential(Struct, frozen=True):
    rules: tuple[_Rule, ...]


def demand_rights(cloud: Cloud, calls: Sequence[Call]) -> None:
    """Checks that a consumer key's rules cover these calls.

    Raises:
        ConfigurationError: Some are missing (code ``not-granted``); all of them are named.
    """
    try:
        answer = cloud.session.call("GET", "/auth/currentCredential")
    except ConfigurationError:
        return  # a service account, or a key that may not ask: nothing is known
    rules = convert(answer, _Credential, "the credential").rules
    missing = [(method, path) for method, path in calls if not _covered(rules, method, _path(cloud, path))]
    if missing:
        named = ", ".join(f"{method} {path}" for method, path in missing)
        raise ConfigurationError(
            f"The consumer key has not been granted calls that this needs: {named}.",
            code="not-granted",
            next_step="Make a consumer key whose rules include them "
            "(GET, POST, PUT and DELETE on /cloud/project/PROJECT/* cover every call).",
        )


def _path(cloud: Cloud, template: str) -> str:
    return template.replace("{serviceName}", cloud.project)


def _covered(rules: tuple[_Rule, ...], method: str, path: str) -> bool:
    """``*`` in a rule's path stands for anything."""
    return any(
        rule.method == method and re.fullmatch(re.escape(rule.path).replace(r"\*", ".*"), path, re.DOTALL)
        for rule in rules
    )
