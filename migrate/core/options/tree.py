"""All commands, in the order of the help, and the environment variables that are read besides those of the options."""

from typing import Final

from msgspec import Struct

from migrate.core.options.access import DoctorOptions, LoginOptions, LogoutOptions, PermissionsOptions
from migrate.core.options.declaration import Options
from migrate.core.options.folders import BuildOptions, ExportOptions, ServeOptions
from migrate.core.options.plans import ApplyOptions, PlanOptions, ShowOptions
from migrate.core.options.sandboxes import (
    DemoOptions,
    EnvOptions,
    FailOptions,
    SandboxStatusOptions,
    StartOptions,
    StopOptions,
)
from migrate.core.options.sources import ListOptions, NetworkOptions, RunOptions, StatusOptions, UndoOptions, WhyOptions
from migrate.core.options.support import BundleOptions, ExportStateOptions, ImportStateOptions

COMMANDS: Final[tuple[type[Options], ...]] = (
    LoginOptions,
    DoctorOptions,
    PermissionsOptions,
    ListOptions,
    StatusOptions,
    WhyOptions,
    BundleOptions,
    NetworkOptions,
    ShowOptions,
    PlanOptions,
    ApplyOptions,
    RunOptions,
    BuildOptions,
    ExportOptions,
    ServeOptions,
    DemoOptions,
    StartOptions,
    StopOptions,
    SandboxStatusOptions,
    EnvOptions,
    FailOptions,
    ExportStateOptions,
    ImportStateOptions,
    UndoOptions,
    LogoutOptions,
)


class Variable(Struct, frozen=True):
    """A variable, or a family of them (``UV_*``), and what it sets."""

    name: str
    text: str


VARIABLES: Final = (
    Variable("OVH_ENDPOINT", "OVHcloud's API: `ovh-eu`, `ovh-ca`, …, or an https address; else `ovh.conf` says it."),
    Variable("OVH_APPLICATION_KEY", "An application key, with the two below; else `ovh.conf` has it."),
    Variable("OVH_APPLICATION_SECRET", "Its secret."),
    Variable("OVH_CONSUMER_KEY", "The consumer key that was validated for it."),
    Variable("OVH_CLIENT_ID", "A service account (OAuth2), instead of the keys."),
    Variable("OVH_CLIENT_SECRET", "Its secret."),
    Variable(
        "AWS_*",
        "Where buckets of `s3://` are, and the keys: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, "
        "`AWS_SESSION_TOKEN`, `AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL`; `AWS_SKIP_SIGNATURE=true` for public "
        "buckets, `AWS_ALLOW_HTTP=true` for an endpoint without TLS.",
    ),
    Variable("MIGRATE_REGISTRY_PASSWORD", "The password of `--registry-user`."),
    Variable("MIGRATE_POLL_SECONDS", "Seconds between two looks at AI Deploy, 0.2 to 300; 10 by default."),
    Variable(
        "MIGRATE_DOWNLOAD_CONNECTIONS",
        "Connections that fetch the parts of large objects of one model, 1 to 16; 4 by default.",
    ),
    Variable("MIGRATE_TORCH_WHEELS", "A folder, or a page of links, with PyTorch's builds for CPUs."),
    Variable(
        "DOCKER_*", "The container engine (`DOCKER_HOST`, `DOCKER_TLS_VERIFY`, …), as the docker command reads them."
    ),
    Variable("REGISTRY_AUTH_FILE", "Podman's file of logins to registries, as podman reads it."),
    Variable("UV_*", "Where Python packages come from, as uv reads them."),
    Variable("PIP_*", "The same as pip reads them, and pip's configuration files, where nothing is set for uv."),
    Variable(
        "MIGRATE_CONFIG", "The configuration file; else `~/.config/migrate/config.toml` ([network.md](network.md))."
    ),
    Variable("HTTPS_PROXY", "The proxy, with `HTTP_PROXY` and `NO_PROXY`, as curl reads them."),
    Variable("REQUESTS_CA_BUNDLE", "The certificates by which OVHcloud, storage and registries are trusted."),
    Variable("SSL_CERT_FILE", "The certificates for Python packages and for bootstrapping the base image."),
    Variable(
        "SOURCE_DATE_EPOCH", "The time, in seconds, that an SBOM and a provenance have; without it they have none."
    ),
    Variable("XDG_*", "The folders of the platform: state (`XDG_STATE_HOME`), configuration, sockets."),
    Variable("HOME", "The folder in which `~/.ovh.conf` and the configuration of Docker and pip are."),
)
