"""The account: credentials, clock, project, rights, authorization, quota, region, storage."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from migrate.apps.app import COUNTED
from migrate.core.checkup import Check, State, wrong
from migrate.core.errors import ConfigurationError, MigrateError, NeedsYouError
from migrate.core.options.access import REPLACE, DoctorOptions, LoginOptions
from migrate.core.options.shared import PROJECT
from migrate.core.options.sources import AUTHORIZE
from migrate.core.text import counted, printable
from migrate.ovhcloud import apps, capabilities, projects, s3, storage
from migrate.ovhcloud.calls import PURPOSES, Call, When
from migrate.ovhcloud.config import Credentials, config_file, origin, read_project
from migrate.ovhcloud.permissions import actions_for, calls_for, rules_for
from migrate.ovhcloud.rights import covered, granted, read_all
from migrate.ovhcloud.session import Cloud, Session

_FAR_OFF: Final = 120  # seconds: what this tool makes up for at OVHcloud's API, certificates and S3 do not forgive
_NEW_KEY: Final = f"Make a key with exactly the rights that are needed: {LoginOptions().command()} {REPLACE.name}"
_LOGIN: Final = frozenset({"wrong-key", "expired-credential", "clock-skew"})
_MAY_DO_WITHOUT: Final = frozenset({When.SERVING, When.BUCKETS, When.PROJECTS, When.DOCTOR, When.LOGIN})


def credentials_check(credentials: Credentials, environ: Mapping[str, str]) -> Check:
    """Where the credentials come from, and whether others may read them there."""
    name, kind = (
        ("client_secret", f"the service account {printable(credentials.client_id)}")
        if credentials.client_id
        else ("consumer_key", "a consumer key")
    )
    text = f"{kind} of {credentials.endpoint}, from {origin(environ, credentials.endpoint, name)}"
    file = config_file(environ, credentials.endpoint, name)
    if file is not None and readable_by_others(file):
        return Check(
            name="credentials",
            state="warning",
            text=f"{text}; others on this machine may read that file",
            next_step=f"Type: chmod 600 {file}",
            fixable=True,
        )
    return Check(name="credentials", state="ok", text=text)


def readable_by_others(file: Path) -> bool:
    """Whether the group or everybody may read a file."""
    try:
        return bool(file.stat().st_mode & 0o044)
    except OSError:
        return False


def clock_check(session: Session) -> Check:
    """How far this machine's clock is from OVHcloud's.

    Raises:
        MigrateError: OVHcloud cannot be asked.
    """
    apart = session.clock_difference()
    text = "as OVHcloud's" if abs(apart) <= 1 else f"{abs(apart)} s {'behind' if apart > 0 else 'ahead of'} OVHcloud's"
    if abs(apart) <= _FAR_OFF:
        return Check(name="clock", state="ok", text=text)
    return Check(
        name="clock",
        state="warning",
        text=f"{text}: this tool makes up for that in signatures, but certificates and S3 do not",
        next_step="Set this machine's clock, for example with: timedatectl set-ntp true",
    )


def project_check(cloud: Cloud) -> Check:
    """The project.

    Raises:
        ConfigurationError: It is not there, or is suspended.
        MigrateError: OVHcloud cannot be asked.
    """
    found = projects.project(cloud)
    named = printable(found.description or found.project_name or "", 60)
    if found.status != "ok":
        raise ConfigurationError(
            f"The project {cloud.project} is {printable(found.status) or 'in no known state'}, and not ok.",
            code="unknown-project",
            next_step=f"See in the control panel why, or name another one with {PROJECT.name}.",
        )
    return Check(name="project", state="ok", text=f"{cloud.project}{f' ({named})' if named else ''}")


def rights_check(cloud: Cloud, options: DoctorOptions, environ: Mapping[str, str]) -> Check:
    """Whether the credentials may do all that this tool does, as far as that can be asked without changing anything.

    Raises:
        MigrateError: OVHcloud cannot be asked.
    """
    if cloud.session.is_service_account:
        return _rights_of_service_account(cloud)
    wanted = calls_for(PURPOSES)
    rules = granted(cloud.session)
    missing = [call for call in wanted if not covered(rules, call, cloud.project)]
    if not missing:
        return Check(name="rights", state="ok", text="the key's rules cover every call of plan, run and undo")
    spared = _spared(options, named=read_project(options.project, environ) is not None)
    needed = [call for call in missing if not spared.issuperset(call.when(PURPOSES))]
    return _missing(missing, cloud.project, needed=bool(needed))


def _missing(missing: list[Call], project: str, *, needed: bool) -> Check:
    details = tuple(str(rule) for rule in rules_for(missing, project))
    text = "The consumer key lacks rights" if needed else "The consumer key lacks rights that not every run needs"
    return Check(
        name="rights",
        state="wrong" if needed else "warning",
        text=f"{text}: {', '.join(details)}.",
        next_step=_NEW_KEY,
        code="not-granted",
        exit_code=int(ConfigurationError.exit_code) if needed else 0,
        details=details,
    )


def _spared(options: DoctorOptions, *, named: bool) -> frozenset[When]:
    """When calls are made that this person may do without."""
    registry = When.SHARED if options.registry is not None else When.PRIVATE
    return _MAY_DO_WITHOUT - (frozenset() if named else {When.PROJECTS}) | {registry}


def _rights_of_service_account(cloud: Cloud) -> Check:
    """Reading is tried; what changes something cannot be asked without changing it."""
    refused = read_all(cloud, calls_for(PURPOSES))
    actions = actions_for(call for call in calls_for(PURPOSES) if call.effect)
    if refused:
        lacking = tuple(dict.fromkeys(action for call in refused for action in actions_for([call])))
        return Check(
            name="rights",
            state="wrong",
            text=f"The IAM policy lacks rights to read: {', '.join(lacking)}.",
            next_step="Give the service account this policy: migrate permissions --as iam",
            code="not-granted",
            exit_code=int(ConfigurationError.exit_code),
            details=(*lacking, *actions),
        )
    return Check(
        name="rights",
        state="unknown",
        text="the service account may read all that is needed; rights to write cannot be asked without writing. "
        f"Its IAM policy has to allow {', '.join(actions)}",
        next_step="See the whole policy: migrate permissions --as iam",
        details=actions,
    )


def authorization_check(cloud: Cloud) -> Check:
    """Whether AI Deploy may read the project's storage.

    Raises:
        MigrateError: OVHcloud cannot be asked.
    """
    if projects.authorized(cloud):
        return Check(name="authorization", state="ok", text="AI Deploy is authorized in the project")
    return Check(
        name="authorization",
        state="warning",
        text="AI Deploy is not authorized in the project; it opens the project's object storage to AI Deploy",
        next_step=f"migrate run asks before it authorizes it; {AUTHORIZE.name} agrees beforehand",
        fixable=True,
    )


def quota_check(cloud: Cloud) -> Check:
    """The CPUs that are left.

    Raises:
        NeedsYouError: None is left.
        MigrateError: OVHcloud cannot be asked.
    """
    quotas = capabilities.quotas(cloud).resources
    most = next((number for name, number in quotas.items() if name.lower() == "cpu"), None)
    running = [app for app in apps.apps(cloud) if app.state in COUNTED]
    used = sum(app.spec.resources.cpu * max(1, app.status.available_replicas or 1) for app in running)
    if most is None:
        text = f"OVHcloud reports no quota of CPUs; {counted(used, 'CPU')} in use"
        return Check(name="quota", state="unknown", text=text)
    if used >= most:
        raise NeedsYouError(
            f"The project's apps use all of its {counted(most, 'CPU')}.",
            code="quota-exceeded",
            next_step="Ask for more in the control panel (Project Management > Quotas), or stop an app.",
        )
    return Check(name="quota", state="ok", text=f"{most - used} of {counted(most, 'CPU')} are free")


def region_check(cloud: Cloud, region: str) -> Check:
    """The AI Deploy region, and that it has flavors with CPUs.

    Raises:
        ConfigurationError: ``unknown-region``, ``no-cpu-flavor``.
        MigrateError: OVHcloud cannot be asked.
    """
    flavors = [flavor for flavor in capabilities.flavors(cloud, region) if flavor.type == "cpu"]
    if not flavors:
        raise ConfigurationError(
            f"AI Deploy offers no flavor with CPUs in {printable(region)}.",
            code="no-cpu-flavor",
            next_step="Choose another region with --region.",
        )
    names = ", ".join(printable(flavor.id, 40) for flavor in flavors)
    return Check(name="region", state="ok", text=f"{region}, with {names}")


def storage_check(cloud: Cloud) -> Check:
    """The containers and buckets where models may lie.

    Raises:
        MigrateError: OVHcloud cannot be asked.
    """
    containers, buckets = storage.containers(cloud), s3.all_buckets(cloud)
    regions = sorted({item.region for item in containers} | {item.region for item in buckets.buckets})
    text = f"{counted(len(containers), 'container')} and {counted(len(buckets.buckets), 'S3 bucket')}"
    text += f" in {', '.join(printable(region, 20) for region in regions if region)}" if regions else ""
    state: State = "ok"
    if buckets.refusal is not None:
        state, text = "warning", f"{text}; buckets cannot be seen: {buckets.refusal.what}"
    elif not containers and not buckets.buckets:
        state, text = "warning", f"{text}: there is nothing that models could lie in"
    return Check(name="storage", state=state, text=text)


def account_checks(
    session: Session, options: DoctorOptions, environ: Mapping[str, str]
) -> tuple[tuple[Check, ...], Cloud | None]:
    """What could be looked at, and the project where it is known: what stops everything else comes last."""
    named = read_project(options.project, environ)
    try:
        clock = clock_check(session)
    except MigrateError as error:
        return (_login_or("clock", error),), None
    try:
        cloud = Cloud(session, projects.choose_project(session, named))
    except MigrateError as error:
        return (clock, _login_or("project", error)), None
    try:
        rights = rights_check(cloud, options, environ)
    except MigrateError as error:
        if error.code in _LOGIN:
            return (clock, wrong("credentials", error)), None
        rights = wrong("rights", error)
    project = _attempt("project", lambda: project_check(cloud))
    if project.code in _LOGIN | {"unknown-project"}:
        return (clock, project, rights), None
    return (
        clock,
        project,
        rights,
        _attempt("authorization", lambda: authorization_check(cloud)),
        _attempt("quota", lambda: quota_check(cloud)),
        _attempt("region", lambda: region_check(cloud, options.region)),
        _attempt("storage", lambda: storage_check(cloud)),
    ), cloud


def _login_or(name: str, error: MigrateError) -> Check:
    """What is wrong with the credentials says so, wherever it was met."""
    return wrong("credentials" if error.code in _LOGIN else name, error)


def _attempt(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except MigrateError as error:
        return wrong(name, error)
