"""What comes from elsewhere: the base image, Python's packages, and the registry that images go to."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from migrate.apps.registries import shared_registry
from migrate.core.addresses import registry_address
from migrate.core.checkup import Check, wrong
from migrate.core.errors import ConfigurationError, LocalError, MigrateError
from migrate.core.options.access import DoctorOptions
from migrate.core.options.declaration import absolute
from migrate.core.text import counted, printable
from migrate.images.base import archive
from migrate.images.base import image as on_engine
from migrate.images.base.choice import choose_base
from migrate.images.base.image import PUBLIC_BASE
from migrate.images.base.stored import PREFIX, at_path, read_image
from migrate.images.engine.connection import Engine
from migrate.images.engine.references import check_reference
from migrate.images.registry.client import RegistryClient
from migrate.images.registry.credentials import credentials_for
from migrate.images.runtime.registry_base import InRegistry
from migrate.images.runtime.wheels import check_index
from migrate.ovhcloud.registries import ManagedRegistry, managed
from migrate.ovhcloud.session import Cloud

_NAME: Final = "migrate-doctor"  # of a repository that nothing is pushed to
_HTTPS: Final = "443"
_LATER: Final = "it comes with the first run"


def base_check(engine: Engine | None, options: DoctorOptions, environ: Mapping[str, str]) -> Check:
    """Whether the base image is here, or can be had; nothing of it is fetched.

    Raises:
        MigrateError: It cannot.
    """
    named = options.base_image
    if engine is not None:
        here = next((name for name in on_engine.names(engine, named) if engine.image(name)), None)
        if here is not None:
            return Check(name="base image", state="ok", text=f"{here}, on the engine")
    elif named is not None and named.startswith(PREFIX):
        read_image(at_path(absolute(Path(named.removeprefix(PREFIX)))))
        return Check(name="base image", state="ok", text=named)
    elif named is None and (path := archive.existing()) is not None:
        return Check(name="base image", state="ok", text=f"{PREFIX}{path}")
    wanted = check_reference(named or PUBLIC_BASE)
    try:
        InRegistry(wanted, environ).top()
    except MigrateError as error:
        if named is not None:
            raise
        text = f"it is not here, and its registry does not give it: {error.what}"
        return Check(
            name="base image",
            state="warning",
            text=text,
            next_step="One is made of Debian's packages then, where this machine can; --fix does it now. Or name one "
            "with --base-image.",
            code=error.code,
            fixable=True,
        )
    return Check(name="base image", state="ok", text=f"{wanted}, of its registry; {_LATER}", fixable=True)


def fetch_base(
    engine: Engine | None, options: DoctorOptions, environ: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """Has the base image here.

    Raises:
        MigrateError: It cannot be had.
    """
    if engine is not None:
        on_engine.ensure_base(engine, options.base_image, say)
    elif archive.existing() is None:
        choose_base(options.base_image, lambda reference: InRegistry(reference, environ), say)


def packages_check(environ: Mapping[str, str]) -> Check:
    """Whether a package index answers, asked as a run asks it.

    Raises:
        LocalError: It does not (``wheels-failed``).
    """
    return Check(name="packages", state="ok", text=f"{check_index(environ)} answers")


def registry_check(cloud: Cloud | None, options: DoctorOptions, environ: Mapping[str, str]) -> Check:
    """The registry that images go to: the one that is named, or the platform's shared one.

    Raises:
        MigrateError: It does not answer, or refuses the login.
    """
    if options.registry is not None:
        return _own(options, environ)
    if cloud is None:
        return Check(name="registry", state="skipped", text="the shared one, which OVHcloud names; see above")
    address, own = shared_registry(cloud, options.region), managed_words(cloud)
    try:
        RegistryClient(address.host, f"{address.path}/{_NAME}".lstrip("/"), None, stop=threading.Event()).digest(_NAME)
    except LocalError as error:
        if error.code not in {"registry-login", "registry-denied"}:  # that it asks for a login is an answer
            raise
    return Check(
        name="registry",
        state="warning",
        text=f"the platform's shared one ({address.host}), which is for tests and may be purged: restarts and "
        f"scale-ups then fail. {own}",
        next_step="For production name a registry of your own with --registry.",
    )


def managed_words(cloud: Cloud) -> str:
    """The managed registries of the project, in a sentence."""
    try:
        found = managed(cloud)
    except ConfigurationError as error:
        return f"Whether the project has a registry of its own cannot be seen: {error.what}"
    if not found:
        return "The project has no registry of its own"
    return f"The project has {counted(len(found), 'registry').replace('registrys', 'registries')} of its own: " + (
        "; ".join(map(_described, found))
    )


def _described(found: ManagedRegistry) -> str:
    host = found.url.removeprefix("https://").rstrip("/")
    return f"{printable(found.name, 40)} ({printable(host, 100)}, {printable(found.region, 20)}, {found.status})"


def _own(options: DoctorOptions, environ: Mapping[str, str]) -> Check:
    address = registry_address(options.registry or "")
    login = credentials_for(address.host, options.registry_user, environ)
    repository = f"{address.path}/{_NAME}".lstrip("/")
    RegistryClient(address.host, repository, login, pushing=True).digest(_NAME)
    host, _, port = address.host.partition(":")
    if port and port != _HTTPS and host not in {"localhost", "127.0.0.1"}:
        problem = ConfigurationError(
            f"AI Deploy pulls from port {_HTTPS} only, and the registry is at {address.host}.",
            code="bad-registry",
            next_step="Name one that answers on the usual port with --registry.",
        )
        return wrong("registry", problem)
    if login is not None and login.is_token:
        problem = ConfigurationError(
            f"The login for {address.host} is a token, and AI Deploy needs a name and a password to pull.",
            code="registry-token",
            next_step="Give --registry-user and MIGRATE_REGISTRY_PASSWORD.",
        )
        return wrong("registry", problem)
    who = f"lets {printable(login.username, 80)} in" if login is not None else "asks for no login"
    return Check(name="registry", state="ok", text=f"{address.host} answers, and {who}")
