"""The project's users, AI tokens and registrations: who may open what."""

import base64
import binascii
import secrets
import time
import uuid
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

ROLES: Final = {
    "administrator": "Administrator",
    "ai_training_operator": "AI Training Operator",
    "ai_training_read": "AI Training Reader",
    "authentication": "Authentication",
    "backup_operator": "Backup Operator",
    "compute_operator": "Compute Operator",
    "image_operator": "Image Operator",
    "infrastructure_supervisor": "Infrastructure Supervisor",
    "key-manager_operator": "Key Manager Operator",
    "key-manager_read": "Key Manager Reader",
    "load-balancer_operator": "Load Balancer Operator",
    "network_operator": "Network Operator",
    "network_security_operator": "Network Security Operator",
    "objectstore_operator": "ObjectStore Operator",
    "quantum_operator": "Quantum Operator",
    "quantum_reader": "Quantum Reader",
    "share_operator": "Share Operator",
    "volume_operator": "Volume Operator",
}
OPERATORS: Final = frozenset({"ai_training_operator", "administrator"})
READERS: Final = OPERATORS | {"ai_training_read"}


class User(Struct, kw_only=True):
    """A user of the project; ``creating`` until its record has been shown once."""

    id: int
    username: str
    password: str
    description: str
    roles: tuple[str, ...]
    created: float
    status: str = "creating"


class AccessToken(Struct, kw_only=True):
    """An AI token; ``selector`` is empty for every workload of the region."""

    id: str
    name: str
    region: str
    role: str
    label_selector: str | None
    selector: dict[str, str]
    value: str
    version: int
    created: float
    updated: float


class Registration(Struct, kw_only=True):
    """A private registry that AI Deploy may pull from, in one region."""

    id: str
    region: str
    url: str
    username: str
    password: str
    created: float
    updated: float


class ManagedRegistry(Struct, kw_only=True):
    """A registry that OVHcloud runs for the project; ``users`` are its own, by their ids: name, email, password."""

    id: str
    name: str
    url: str
    region: str
    created: float
    users: dict[str, tuple[str, str, str]] = {}


class People:
    """Users, tokens, registrations and managed registries of the project."""

    def __init__(self, platform_password: str) -> None:
        self.users: dict[int, User] = {}
        self.tokens: dict[str, AccessToken] = {}
        self.registrations: dict[str, Registration] = {}
        self.managed: dict[str, ManagedRegistry] = {}
        self.platform_password = platform_password
        self._last_user = 41_000

    def clear(self) -> None:
        """Forget everybody."""
        self.users.clear()
        self.tokens.clear()
        self.registrations.clear()
        self.managed.clear()

    def add_user(self, description: str, roles: tuple[str, ...]) -> User:
        """Make a user with a fresh password."""
        self._last_user += 1
        user = User(
            id=self._last_user,
            username=f"user-{secrets.token_urlsafe(9).replace('_', 'x').replace('-', 'y')}",
            password=secrets.token_urlsafe(24),
            description=description,
            roles=roles,
            created=time.time(),
        )
        self.users[user.id] = user
        return user

    def add_managed(self, name: str, url: str, region: str) -> ManagedRegistry:
        """Have a managed registry; nothing of it runs."""
        made = ManagedRegistry(id=str(uuid.uuid4()), name=name, url=url, region=region, created=time.time())
        self.managed[made.id] = made
        return made

    def regenerate(self, user: User) -> User:
        """Give the user a new password; the old one is dead."""
        user.password = secrets.token_urlsafe(24)
        return user

    def add_token(self, name: str, region: str, role: str, label_selector: str | None) -> AccessToken:
        """Make a token; ``label_selector`` has been checked."""
        now = time.time()
        token = AccessToken(
            id=str(uuid.uuid4()),
            name=name,
            region=region,
            role=role,
            label_selector=label_selector,
            selector=parse_selector(label_selector or ""),
            value=secrets.token_urlsafe(48),
            version=1,
            created=now,
            updated=now,
        )
        self.tokens[token.id] = token
        return token

    def renew(self, token: AccessToken) -> None:
        """Give the token a new value; the old one is dead."""
        token.value = secrets.token_urlsafe(48)
        token.version += 1
        token.updated = time.time()

    def may_use_registry(self, username: str, password: str) -> bool:
        """Whether a login opens the shared registry: an AI operator of the project, or the platform itself."""
        if username == PLATFORM_USER:
            return secrets.compare_digest(password.encode(), self.platform_password.encode())
        return self._login(username, password, OPERATORS)

    def opens(self, authorization: str | None, region: str, labels: Mapping[str, str]) -> bool:
        """Whether an ``Authorization`` header opens an app of this region with these labels."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() == "bearer":
            return any(
                secrets.compare_digest(token.value.encode(), value.strip().encode())
                and token.region == region
                and all(labels.get(key) == wanted for key, wanted in token.selector.items())
                for token in list(self.tokens.values())
            )
        if scheme.lower() == "basic":
            try:
                username, _, password = base64.b64decode(value, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return False
            return self._login(username, password, READERS)
        return False

    def _login(self, username: str, password: str, roles: frozenset[str]) -> bool:
        return any(
            user.username == username
            and user.status == "ok"
            and secrets.compare_digest(user.password.encode(), password.encode())
            and not roles.isdisjoint(user.roles)
            for user in list(self.users.values())
        )


PLATFORM_USER: Final = "ai-deploy"


def parse_selector(text: str) -> dict[str, str]:
    """``key=value[,key=value...]`` as a dictionary.

    Raises:
        ValueError: It has another form; there are no wildcards and no other operators.
    """
    found: dict[str, str] = {}
    for part in text.split(",") if text else []:
        key, equals, value = part.partition("=")
        if not equals or not key or "*" in part or "=" in value:
            raise ValueError(part)
        found[key] = value
    return found
