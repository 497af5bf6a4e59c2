"""What the credentials may do, asked before anything is built.

A consumer key has rules, which ``GET /auth/currentCredential`` lists. Of service accounts, whose rights are IAM
policies, this API tells nothing beforehand. Rights to read are tried. A run also tries those that it needs to make
things, by requests that cannot be carried out: their bodies lack what the contract demands. Whether OVHcloud looks at
rights before it looks at the body is not documented, so a refusal for another reason says nothing.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from migrate.core.errors import ConfigurationError, RemoteError
from migrate.core.text import type_again
from migrate.ovhcloud import calls
from migrate.ovhcloud.calls import Call
from migrate.ovhcloud.session import Cloud, Session, convert

TO_RUN_APPS: Final = (calls.CREATE_APP, calls.CREATE_TOKEN)
TO_USE_SHARED_REGISTRY: Final = (calls.CREATE_USER,)


_IMPOSSIBLE: Final[Mapping[Call, object]] = {
    calls.CREATE_APP: {},
    calls.CREATE_TOKEN: {},
    calls.CREATE_USER: {"roles": ["none"]},
}
"""Bodies with which these calls make nothing: a field that must be there is missing, or the role is none."""


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
    """Checks that the credentials may make these calls, as far as that can be known.

    Raises:
        ConfigurationError: Some are refused (code ``not-granted``); all of them are named.
        RemoteError: OVHcloud cannot be asked.
    """
    if cloud.session.is_service_account:
        _demand_of_policy(cloud, wanted)
        return
    try:
        rules = granted(cloud.session)
    except ConfigurationError:
        return  # a key that may not ask: nothing is known
    missing = [call for call in wanted if not covered(rules, call, cloud.project)]
    if missing:
        named = ", ".join(f"{call.method} {call.template}" for call in missing)
        raise ConfigurationError(
            f"The consumer key has not been granted calls that this needs: {named}.",
            code="not-granted",
            next_step=type_again(
                "Get a key with the rules that are needed (migrate login, or migrate permissions --as link)"
            ),
        )


def _demand_of_policy(cloud: Cloud, wanted: Sequence[Call]) -> None:
    refusals = []
    for call in wanted:
        try:
            cloud.call(call, body=_IMPOSSIBLE[call])
        except (ConfigurationError, RemoteError) as error:
            if error.code == "not-granted":
                refusals.append(error)
    if refusals:
        raise ConfigurationError(
            " ".join(error.what for error in refusals),
            code="not-granted",
            next_step=type_again("Give the service account the policy that migrate permissions --as iam prints"),
            query_id=refusals[0].query_id,
        )


def covered(rules: Sequence[Rule], call: Call, project: str) -> bool:
    """Whether rules let a call pass in a project, whatever the other parts of its path are."""
    path = pattern_of(call.template, project)
    return any(rule.covers(call.method, path) for rule in rules)


def pattern_of(template: str, project: str) -> str:
    """The path of a rule for a call: a project's id, and ``*`` for each other part that is not fixed."""
    return re.sub(r"\{[^}/]+\}", "*", template.replace("{serviceName}", project))


def read_all(cloud: Cloud, wanted: Sequence[Call]) -> tuple[Call, ...]:
    """Those of these calls that are refused for lack of a right, as far as they need nothing but the project's id.

    Calls that change something are not made.

    Raises:
        RemoteError: OVHcloud cannot be asked.
    """
    refused = []
    for call in wanted:
        parts = set(re.findall(r"\{([^}/]+)\}", call.template))
        if call.effect or parts - {"serviceName"}:
            continue
        try:
            cloud.session.call(call, params={"serviceName": cloud.project} if parts else {})
        except ConfigurationError as error:
            if error.code == "not-granted":
                refused.append(call)
    return tuple(refused)
