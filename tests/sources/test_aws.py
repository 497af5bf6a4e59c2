"""Where S3 is and with which keys: variables and profiles, in the order of Amazon's own tools."""

from pathlib import Path

import boto3
import botocore.session
import pytest

from migrate.core.errors import ConfigurationError
from migrate.core.secret import Secret
from migrate.sources.aws import S3Account, read_account

KEYS = {"AWS_ACCESS_KEY_ID": "env-key", "AWS_SECRET_ACCESS_KEY": "env-secret"}
CONFIG = """
[default]
region = default-region
aws_access_key_id = config-key
aws_secret_access_key = config-secret

[profile ovh]
region = gra
endpoint_url = https://profile.example
services = local
aws_access_key_id = loses
aws_secret_access_key = loses

[services local]
ec2 =
  endpoint_url = https://ec2.example
s3 =
  signature_version = v4
  endpoint_url = https://s3.gra.io.cloud.ovh.net/

[profile plain]
endpoint_url = https://plain.example

[profile sso]
sso_session = company

[profile "50% off"]
region = waw
"""
CREDENTIALS = """
[ovh]
aws_access_key_id = ovh-key
aws_secret_access_key = ovh-secret
aws_session_token = ovh-token

[50% off]
aws_access_key_id = a%b
aws_secret_access_key = c%(d)s
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(CONFIG)
    (tmp_path / ".aws" / "credentials").write_text(CREDENTIALS)
    return tmp_path


def read(home: Path, **environ: str) -> S3Account:
    return read_account({"HOME": str(home), **environ})


def refused(home: Path, **environ: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        read(home, **environ)
    assert "secret" not in caught.value.what.replace("secret access key", "")
    return caught.value


def test_variables_alone(tmp_path: Path) -> None:
    found = read(tmp_path, **KEYS, AWS_SESSION_TOKEN="env-token", AWS_DEFAULT_REGION="sbg")
    assert found == S3Account(
        endpoint="", region="sbg", key="env-key", secret=Secret("env-secret"), token=Secret("env-token")
    )
    found = read(
        tmp_path,
        **KEYS,
        AWS_REGION="gra",
        AWS_DEFAULT_REGION="sbg",
        AWS_ENDPOINT_URL="https://all.example/",
        AWS_ENDPOINT_URL_S3="https://s3.example/",
    )
    assert (found.endpoint, found.region, found.token) == ("https://s3.example", "gra", None)


def test_profiles(home: Path) -> None:
    found = read(home)
    assert (found.key, found.secret, found.region) == ("config-key", Secret("config-secret"), "default-region")
    found = read(home, AWS_PROFILE="ovh")
    assert (found.key, found.secret, found.token) == ("ovh-key", Secret("ovh-secret"), Secret("ovh-token"))
    assert (found.endpoint, found.region) == ("https://s3.gra.io.cloud.ovh.net", "gra")
    found = read(home, AWS_DEFAULT_PROFILE="50% off")
    assert (found.key, found.secret, found.region) == ("a%b", Secret("c%(d)s"), "waw")


def test_variables_win_over_profiles(home: Path) -> None:
    found = read(home, **KEYS, AWS_PROFILE="ovh", AWS_ENDPOINT_URL="https://env.example", AWS_REGION="rbx")
    assert (found.key, found.secret, found.token) == ("env-key", Secret("env-secret"), None)
    assert (found.endpoint, found.region) == ("https://env.example", "rbx")
    assert read(home, **KEYS, AWS_PROFILE="plain").endpoint == "https://plain.example"


@pytest.mark.parametrize("profile", ["default", "ovh", "50% off"])
def test_boto3_reads_the_same(home: Path, profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / ".aws" / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / ".aws" / "credentials"))
    for name in (*KEYS, "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    theirs = boto3.Session(botocore_session=botocore.session.Session(profile=profile))
    keys = theirs.get_credentials()
    ours = read(home, AWS_PROFILE=profile)
    assert ours.key == keys.access_key
    assert ours.secret == Secret(keys.secret_key)
    assert (ours.token or Secret("")) == Secret(keys.token or "")
    client = theirs.client("s3")
    assert ours.region == client.meta.region_name
    if ours.endpoint:
        assert ours.endpoint == client.meta.endpoint_url.rstrip("/")


def test_files_elsewhere(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.write_text("[x]\naws_access_key_id = k\naws_secret_access_key = s\n")
    found = read(home, AWS_PROFILE="x", AWS_SHARED_CREDENTIALS_FILE=str(other))
    assert found.key == "k"


def test_what_is_missing_is_named(home: Path) -> None:
    nothing = refused(home / "empty")
    assert (nothing.code, nothing.exit_code) == ("no-s3-credentials", 3)
    assert "AWS_ENDPOINT_URL" in nothing.next_step
    assert "access key id" in refused(home / "empty", AWS_SECRET_ACCESS_KEY="x").what
    assert "secret access key" in refused(home / "empty", AWS_ACCESS_KEY_ID="x").what
    sso = refused(home, AWS_PROFILE="sso")
    assert "sso_session" in sso.what
    assert "aws configure export-credentials" in sso.next_step
    unknown = refused(home, AWS_PROFILE="ohv")
    assert (unknown.code, "'ohv'" in unknown.what) == ("bad-configuration", True)
    (home / ".aws" / "config").write_text("no section\n")
    assert refused(home, AWS_PROFILE="ovh").code == "bad-configuration"


def test_endpoints_are_https_or_this_machine(tmp_path: Path) -> None:
    assert read(tmp_path, **KEYS, AWS_ENDPOINT_URL="http://127.0.0.1:9000").endpoint == "http://127.0.0.1:9000"
    for endpoint in ("http://minio.example:9000", "ftp://x", "minio:9000"):
        error = refused(tmp_path, **KEYS, AWS_ENDPOINT_URL=endpoint)
        assert (error.code, "AWS_ALLOW_HTTP" in error.next_step) == ("bad-endpoint", True)
    found = read(tmp_path, **KEYS, AWS_ENDPOINT_URL="http://minio.example:9000", AWS_ALLOW_HTTP="true")
    assert found.endpoint == "http://minio.example:9000"


def test_nothing_is_signed_for_public_buckets(tmp_path: Path) -> None:
    assert read(tmp_path, AWS_SKIP_SIGNATURE="true", AWS_REGION="gra") == S3Account(
        endpoint="", region="gra", public=True
    )


def test_credentials_that_the_client_finds_by_itself(tmp_path: Path) -> None:
    found = read(tmp_path, AWS_WEB_IDENTITY_TOKEN_FILE="/var/run/token", AWS_REGION="eu-west-1")
    assert (found.key, found.secret, found.public) == ("", None, False)
