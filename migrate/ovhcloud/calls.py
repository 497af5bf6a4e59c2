"""Every call of OVHcloud's API that this tool makes, and which commands need it.

A session takes nothing but these values, so a call that is not declared here cannot be made; the rights that a person
is told to give (``permissions.py``) follow from them.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

Method = Literal["GET", "POST", "PUT", "DELETE"]
Purpose = Literal["plan", "run", "undo"]
PURPOSES: Final[tuple[Purpose, ...]] = ("plan", "run", "undo")


class When(StrEnum):
    """When a command makes a call, as the end of a sentence."""

    ALWAYS = "always"
    PROJECTS = "where no project is named"
    SERVING = "for a namespace of ML Serving"
    NAMED = "where a container is named"
    SWIFT = "for containers of Object Storage"
    MANY = "for containers of many files"
    BUCKETS = "for S3 buckets of the project"
    UNAUTHORIZED = "where AI Deploy is not authorized yet"
    SHARED = "with the platform's shared registry"
    PRIVATE = "with a registry of your own"
    CHANGED = "where an app is there already"
    FAILED = "where something fails"
    KILLED = "after a run that was killed"
    DOCTOR = "for migrate doctor"
    LOGIN = "for migrate login and logout"


class Call(Struct, frozen=True, kw_only=True):
    """A call.

    Attributes:
        method: Its method.
        template: Its path, exactly as in the contract; ``{serviceName}`` is the project.
        needed: The commands that make it, and when each does: ``plan`` with all others that only look, ``run`` with
            ``apply``, ``undo``.
        repeatable: Whether it may be sent again when it may already have been carried out.
        effect: Whether it changes something.
        signed: Whether it needs a login; the others need no right.
    """

    method: Method
    template: str
    needed: tuple[tuple[Purpose, When], ...]
    repeatable: bool
    effect: bool
    signed: bool = True

    def when(self, purposes: Collection[Purpose]) -> tuple[When, ...]:
        """When commands make it; never, if this is empty."""
        return tuple(dict.fromkeys(when for purpose, when in self.needed if purpose in purposes))


_PROJECT: Final = "/cloud/project/{serviceName}"
_LOOK: Final[tuple[Purpose, ...]] = ("plan", "run")
_ALL: Final[tuple[Purpose, ...]] = PURPOSES


def _each(needed: tuple[Purpose, ...], when: When) -> tuple[tuple[Purpose, When], ...]:
    return tuple((purpose, when) for purpose in needed)


def _get(template: str, needed: tuple[Purpose, ...], when: When = When.ALWAYS) -> Call:
    return Call(method="GET", template=template, needed=_each(needed, when), repeatable=True, effect=False)


def _post(template: str, needed: tuple[Purpose, ...], when: When = When.ALWAYS, *, again: bool = False) -> Call:
    return Call(method="POST", template=template, needed=_each(needed, when), repeatable=again, effect=True)


def _ask(template: str, needed: tuple[Purpose, ...], when: When = When.ALWAYS) -> Call:
    """A POST that changes nothing."""
    return Call(method="POST", template=template, needed=_each(needed, when), repeatable=True, effect=False)


def _put(template: str, needed: tuple[Purpose, ...], when: When = When.ALWAYS) -> Call:
    return Call(method="PUT", template=template, needed=_each(needed, when), repeatable=True, effect=True)


def _delete(template: str, needed: tuple[Purpose, ...], when: When = When.ALWAYS) -> Call:
    return Call(method="DELETE", template=template, needed=_each(needed, when), repeatable=True, effect=True)


TIME: Final = replace(_get("/auth/time", _ALL), signed=False)
ASK_FOR_KEY: Final = replace(_post("/auth/credential", (), When.LOGIN), signed=False)

CREDENTIAL: Final = _get("/auth/currentCredential", _LOOK)
DETAILS: Final = _get("/auth/details", _LOOK, When.DOCTOR)
LOGOUT: Final = _post("/auth/logout", _ALL, When.LOGIN, again=True)

PROJECTS: Final = _get("/cloud/project", _ALL, When.PROJECTS)
PROJECT: Final = _get(_PROJECT, _LOOK, When.FAILED)
AUTHORIZATION: Final = _get(f"{_PROJECT}/ai/authorization", _LOOK)
AUTHORIZE: Final = _post(f"{_PROJECT}/ai/authorization", ("run",), When.UNAUTHORIZED, again=True)

AI_REGIONS: Final = _get(f"{_PROJECT}/ai/capabilities/region", _LOOK, When.FAILED)
AI_REGION: Final = _get(f"{_PROJECT}/ai/capabilities/region/{{region}}", _LOOK, When.SHARED)
FLAVORS: Final = _get(f"{_PROJECT}/ai/capabilities/region/{{region}}/flavor", _LOOK)
QUOTAS: Final = _get(f"{_PROJECT}/ai/capabilities/quota", _LOOK)

APPS: Final = replace(_get(f"{_PROJECT}/ai/app", ()), needed=(*_each(_LOOK, When.ALWAYS), ("undo", When.KILLED)))
APP: Final = replace(_get(f"{_PROJECT}/ai/app/{{appId}}", ()), needed=(("run", When.CHANGED), ("undo", When.ALWAYS)))
APP_LOG: Final = _get(f"{_PROJECT}/ai/app/{{appId}}/log", ("run",), When.FAILED)
CREATE_APP: Final = _post(f"{_PROJECT}/ai/app", ("run",))
DELETE_APP: Final = replace(
    _delete(f"{_PROJECT}/ai/app/{{appId}}", ()), needed=(("run", When.FAILED), ("undo", When.ALWAYS))
)
CHANGE_APP: Final = _put(f"{_PROJECT}/ai/app/{{appId}}", ("run",), When.CHANGED)
CHANGE_IMAGE: Final = _put(f"{_PROJECT}/ai/app/{{appId}}/image", ("run",), When.CHANGED)
CHANGE_LABEL: Final = _put(f"{_PROJECT}/ai/app/{{appId}}/label", ("run",), When.CHANGED)
CHANGE_SCALING: Final = _put(f"{_PROJECT}/ai/app/{{appId}}/scalingstrategy", ("run",), When.CHANGED)
START_APP: Final = _put(f"{_PROJECT}/ai/app/{{appId}}/start", ("run",), When.CHANGED)
STOP_APP: Final = _put(f"{_PROJECT}/ai/app/{{appId}}/stop", ("run",), When.CHANGED)

TOKENS: Final = _get(f"{_PROJECT}/ai/token", ("run", "undo"), When.KILLED)
CREATE_TOKEN: Final = _post(f"{_PROJECT}/ai/token", ("run",))
DELETE_TOKEN: Final = _delete(f"{_PROJECT}/ai/token/{{id}}", ("run", "undo"))

REGISTRATIONS: Final = _get(f"{_PROJECT}/ai/registry", ("run", "undo"), When.PRIVATE)
REGISTER: Final = _post(f"{_PROJECT}/ai/registry", ("run",), When.PRIVATE)
REGISTER_AGAIN: Final = _put(f"{_PROJECT}/ai/registry/{{registryId}}", ("run",), When.PRIVATE)
UNREGISTER: Final = _delete(f"{_PROJECT}/ai/registry/{{registryId}}", ("undo",), When.PRIVATE)
MANAGED_REGISTRIES: Final = _get(f"{_PROJECT}/containerRegistry", _LOOK, When.DOCTOR)

USERS: Final = _get(f"{_PROJECT}/user", ("run", "undo"), When.KILLED)
USER: Final = _get(f"{_PROJECT}/user/{{userId}}", ("run",), When.SHARED)
CREATE_USER: Final = _post(f"{_PROJECT}/user", ("run",), When.SHARED)
DELETE_USER: Final = replace(
    _delete(f"{_PROJECT}/user/{{userId}}", ()), needed=(("run", When.KILLED), ("undo", When.SHARED))
)

NAMESPACES: Final = _get(f"{_PROJECT}/ai/serving", ("plan",), When.SERVING)
NAMESPACE: Final = _get(f"{_PROJECT}/ai/serving/{{namespaceId}}", _LOOK, When.SERVING)
SERVED_MODELS: Final = _get(f"{_PROJECT}/ai/serving/{{namespaceId}}/model", _LOOK, When.SERVING)
SERVING_TOKENS: Final = _get(f"{_PROJECT}/ai/serving/{{namespaceId}}/token", _LOOK, When.SERVING)
SERVING_FLAVORS: Final = _get(f"{_PROJECT}/ai/capabilities/serving/flavor", _LOOK, When.SERVING)

CONTAINERS: Final = _get(f"{_PROJECT}/storage", _LOOK, When.NAMED)
CONTAINER: Final = _get(f"{_PROJECT}/storage/{{containerId}}", _LOOK, When.SWIFT)
OBJECT_URL: Final = _ask(f"{_PROJECT}/storage/{{containerId}}/publicUrl", _LOOK, When.SWIFT)
STORAGE_ACCESS: Final = _ask(f"{_PROJECT}/storage/access", _LOOK, When.MANY)
REGIONS: Final = _get(f"{_PROJECT}/region", _LOOK, When.BUCKETS)
BUCKETS: Final = _get(f"{_PROJECT}/region/{{regionName}}/storage", _LOOK, When.BUCKETS)
BUCKET_OBJECTS: Final = _get(f"{_PROJECT}/region/{{regionName}}/storage/{{name}}/object", _LOOK, When.BUCKETS)
PRESIGN: Final = _ask(f"{_PROJECT}/region/{{regionName}}/storage/{{name}}/presign", _LOOK, When.BUCKETS)

CALLS: Final[tuple[Call, ...]] = tuple(value for value in list(globals().values()) if isinstance(value, Call))
