"""Credentials, rights, quotas, and what the project has."""

from collections.abc import Mapping
from typing import Final, Literal

from migrate.core.codes.meaning import Meaning
from migrate.core.text import type_again

AccessCode = Literal[
    "no-credentials",
    "bad-configuration",
    "bad-endpoint",
    "wrong-key",
    "expired-credential",
    "not-validated",
    "not-logged-in",
    "not-granted",
    "clock-skew",
    "no-project",
    "unknown-project",
    "unknown-namespace",
    "unknown-container",
    "unknown-bucket",
    "no-s3-credentials",
    "s3-refused",
    "unknown-region",
    "unknown-flavor",
    "no-cpu-flavor",
    "no-shared-registry",
    "ml-serving-gone",
    "not-found",
    "refused-by-api",
    "quota-exceeded",
    "no-old-token",
    "old-endpoint-token",
    "no-registry-password",
    "docker-config",
    "registry-token",
    "registry-login",
    "registry-denied",
    "proxy-login",
]

ACCESS: Final[Mapping[AccessCode, Meaning]] = {
    "no-credentials": Meaning(
        "you",
        "No endpoint or no credentials of OVHcloud are configured, or a part of them is missing.",
        "Set OVH_* or write ovh.conf, as the message describes.",
    ),
    "bad-configuration": Meaning(
        "you",
        "The configuration cannot be read, or says two things at once.",
        "Correct the file or the variables that the message names.",
    ),
    "bad-endpoint": Meaning(
        "you",
        "The endpoint is neither a name of OVHcloud's nor an https address, or cannot be used with these credentials.",
        "Correct OVH_ENDPOINT or the endpoint in ovh.conf.",
    ),
    "wrong-key": Meaning(
        "you",
        "OVHcloud does not accept the credentials.",
        "Check the keys, or the id and secret of the service account, and that they belong to this endpoint.",
    ),
    "expired-credential": Meaning(
        "you",
        "The credentials have expired, or were never validated.",
        type_again("Make a new consumer key and validate it"),
    ),
    "not-validated": Meaning(
        "you",
        "The page of the new consumer key was not confirmed in time. Nothing was written.",
        "Type migrate login again, and confirm the page that it names.",
    ),
    "not-logged-in": Meaning(
        "you",
        "No login of migrate login is written in ovh.conf for this endpoint, so there is none to end.",
        "Name the endpoint with --endpoint. Keys that you made yourself are revoked in the control panel.",
    ),
    "not-granted": Meaning(
        "you",
        "The credentials are valid, and lack the right to this call.",
        "Add the right that the message names to the consumer key's rules or to the IAM policy.",
    ),
    "clock-skew": Meaning(
        "you",
        "OVHcloud refuses the time of the request, also after its own clock was asked.",
        type_again("Set the clock of this machine"),
    ),
    "no-project": Meaning(
        "you",
        "The credentials see no Public Cloud project, or several, and none was named.",
        "Name one with --project or OVH_CLOUD_PROJECT_SERVICE.",
    ),
    "unknown-project": Meaning(
        "you",
        "The project does not exist, or does not belong to these credentials.",
        "Correct --project or OVH_CLOUD_PROJECT_SERVICE.",
    ),
    "unknown-namespace": Meaning(
        "you", "The project has no namespace of this id.", "See with `migrate list` what it has."
    ),
    "unknown-container": Meaning(
        "you",
        "The project has no Object Storage container, and no S3 bucket, of this name in this region.",
        "Take one that the message or `migrate list` shows.",
    ),
    "unknown-bucket": Meaning(
        "you",
        "There is no S3 bucket of this name at the endpoint, or it is in another region.",
        "Check the name, AWS_ENDPOINT_URL and AWS_REGION, or the profile.",
    ),
    "no-s3-credentials": Meaning(
        "you",
        "No keys for s3:// are configured, or a part of them is missing.",
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; a bucket of the project is read with OVH_* as"
        " NAME@REGION.",
    ),
    "s3-refused": Meaning(
        "you",
        "The S3 service refuses the keys, or they may not list or read this bucket.",
        "Check the keys, their rights (ListBucket, GetObject) and this machine's clock.",
    ),
    "unknown-region": Meaning(
        "you",
        "AI Deploy, or the project's object storage, is not in this region.",
        "Choose one that the message names.",
    ),
    "unknown-flavor": Meaning(
        "remote",
        "The region no longer offers the flavor that was chosen for the app.",
        "Choose another region with --region.",
    ),
    "no-cpu-flavor": Meaning(
        "remote", "AI Deploy offers no flavor with CPUs in this region.", "Choose another region with --region."
    ),
    "no-shared-registry": Meaning(
        "remote", "The region has no registry of the platform's own.", "Name a private one with --registry."
    ),
    "ml-serving-gone": Meaning(
        "remote",
        "ML Serving's API is gone, so its namespaces cannot be read. The files still lie in your object storage.",
        "See the containers with `migrate list`, then run the one that holds the files.",
    ),
    "not-found": Meaning(
        "you",
        "OVHcloud does not know what was asked for.",
        "Check the names in the message. It may have been deleted meanwhile.",
    ),
    "refused-by-api": Meaning(
        "you",
        "OVHcloud refuses the request, for a reason that the message repeats.",
        "Correct what the message says; the query id is for OVHcloud's support.",
    ),
    "quota-exceeded": Meaning(
        "you",
        "The project's quota does not allow what was asked for.",
        "Ask for more in the control panel (Project Management > Quotas), or use fewer apps with --layout packed.",
    ),
    "no-old-token": Meaning(
        "you",
        "The file of --old-token-file cannot be read.",
        "Correct the path, or put the token into MIGRATE_OLD_TOKEN.",
    ),
    "old-endpoint-token": Meaning(
        "you",
        "The old endpoint refuses the token.",
        type_again("Give a token of the namespace that may evaluate this model"),
    ),
    "no-registry-password": Meaning(
        "you",
        "--registry-user is given, and no password.",
        type_again("Put it into the variable MIGRATE_REGISTRY_PASSWORD"),
    ),
    "docker-config": Meaning(
        "you",
        "Docker's or Podman's configuration has no login for the registry that can be used.",
        "Log in again (docker login or podman login), or give --registry-user and MIGRATE_REGISTRY_PASSWORD.",
    ),
    "registry-token": Meaning(
        "you",
        "Docker's login for the registry is a token, and AI Deploy needs a name and a password to pull.",
        type_again("Give --registry-user and MIGRATE_REGISTRY_PASSWORD"),
    ),
    "registry-login": Meaning(
        "you",
        "The registry refuses the name or the password.",
        type_again("Log in (docker login), or give --registry-user and MIGRATE_REGISTRY_PASSWORD"),
    ),
    "registry-denied": Meaning(
        "you",
        "The registry knows the login and does not let it push to this project, or pull from it, or has no such "
        "project.",
        type_again("Give its user that right, make the project, or name another one with --registry"),
    ),
    "proxy-login": Meaning(
        "you",
        "The proxy of this network refuses the name or the password that it is given, or was given none.",
        type_again("Correct HTTPS_PROXY, or the proxy in the configuration file"),
    ),
}
