"""The rights that this tool's own calls need: rules of a consumer key, an IAM policy, a page that makes a key."""

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from migrate.contract import contract
from migrate.ovhcloud.calls import CALLS, Call, Purpose
from migrate.ovhcloud.config import ENDPOINT_URLS
from migrate.ovhcloud.rights import Rule, pattern_of

ANY_PROJECT: Final = "*"

# The pages of api.us.ovhcloud.com are elsewhere (OVHcloud's guides "First steps with the API", read in 2026).
_US: Final = "https://us.ovhcloud.com/auth/api"


def calls_for(purposes: Iterable[Purpose]) -> tuple[Call, ...]:
    """The calls of these commands that need a right."""
    wanted = frozenset(purposes)
    return tuple(call for call in CALLS if call.signed and call.when(wanted))


def rules_for(calls: Iterable[Call], project: str | None) -> tuple[Rule, ...]:
    """The fewest rules that let these calls pass, by their paths.

    Args:
        calls: The calls.
        project: The project's id. Without one the rules hold for all projects, and as what stands for the id in the
            path of a project also stands for everything below it, all of them may be read.
    """
    rules = {Rule(path=pattern_of(call.template, project or ANY_PROJECT), method=call.method) for call in calls}
    return tuple(
        sorted(
            rule for rule in rules if not any(other != rule and other.covers(rule.method, rule.path) for other in rules)
        )
    )


def actions_for(calls: Iterable[Call]) -> tuple[str, ...]:
    """The IAM actions that let these calls pass; those without a project need none (contract: Login)."""
    known = contract().paths
    return tuple(sorted({action for call in calls for action in known[call.template][call.method].iam_actions}))


def policy_for(calls: Iterable[Call], *, plate: str, project: str | None, client_id: str | None) -> dict[str, object]:
    """The body of ``POST /v2/iam/policy`` that gives a service account these calls.

    Args:
        calls: The calls.
        plate: ``eu``, ``ca`` or ``us``.
        project: The project's id; without one a word in capitals stands in its place.
        client_id: That of the service account; the same.
    """
    identity = f"oauth2-{client_id}" if client_id else "oauth2-CLIENT-ID"
    return {
        "name": "migrate",
        "description": "The rights that moving models to AI Deploy needs",
        "identities": [f"urn:v1:{plate}:identity:credential:ACCOUNT/{identity}"],
        "resources": [{"urn": f"urn:v1:{plate}:resource:publicCloudProject:{project or 'PROJECT'}"}],
        "permissions": {"allow": [{"action": action} for action in actions_for(calls)]},
    }


def plate_of(url: str) -> str:
    """The part of OVHcloud that an API belongs to, as URNs name it."""
    names: Mapping[str, str] = {url: name for name, url in ENDPOINT_URLS.items()}
    return names.get(url, "").rpartition("-")[2] or "eu"


def key_page(url: str, rules: Iterable[Rule]) -> str:
    """The page that makes an application and a consumer key with these rules.

    Args:
        url: The base URL of the API.
        rules: The rules.
    """
    query = "&".join(f"{rule.method}={quote(rule.path, safe='/*')}" for rule in rules)
    return f"{_pages(url)}/createToken/?{query}"


def application_page(url: str) -> str:
    """The page that makes an application, for which consumer keys can then be asked."""
    return f"{_pages(url)}/createApp/"


def _pages(url: str) -> str:
    parts = urlsplit(url)
    return _US if plate_of(url) == "us" else f"{parts.scheme}://{parts.netloc}"
