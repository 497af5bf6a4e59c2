"""The rights that this tool needs, as commands answer them."""

from msgspec import Struct


class NeededRule(Struct, frozen=True, kw_only=True):
    """A rule of a consumer key.

    Attributes:
        method: The method of its calls.
        path: Their path; ``*`` stands for anything.
        commands: The commands that make such calls.
        when: When they make them, each as the end of a sentence.
    """

    method: str
    path: str
    commands: tuple[str, ...]
    when: tuple[str, ...]


class Permissions(Struct, frozen=True, kw_only=True):
    """The rights that some commands need.

    Attributes:
        endpoint: The base URL of the API.
        project: The project that they are for; empty for all projects of the account.
        rules: For a consumer key.
        policy: For a service account: the body of ``POST /v2/iam/policy``.
        link: The page that makes a consumer key with the rules.
    """

    endpoint: str
    project: str
    rules: tuple[NeededRule, ...]
    policy: dict[str, object]
    link: str
