"""The configuration file as commands meet it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.commands.configuration import configure, usual_path
from migrate.core.errors import ConfigurationError, ExitCode


def test_without_a_file_nothing_changes(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    configure(environ)
    assert environ == {"HOME": str(tmp_path)}
    assert usual_path(environ) == f"{tmp_path}/.config/migrate/config.toml"
    assert usual_path({"XDG_CONFIG_HOME": "/x"}) == "/x/migrate/config.toml"


def test_a_file_fills_in_what_is_not_set(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[network]\nproxy = "http://p.example:1"\nwheel_folders = ["~"]\nbase_image = "oci:/srv/base.tar"\n'
    )
    environ = {"HOME": "/nonexistent", "MIGRATE_CONFIG": str(file), "HTTPS_PROXY": "http://mine.example:2"}
    configure(environ)
    assert environ["HTTPS_PROXY"] == "http://mine.example:2"
    assert environ["HTTP_PROXY"] == "http://p.example:1"
    assert environ["UV_FIND_LINKS"] == str(Path.home())
    assert environ["MIGRATE_BASE_IMAGE"] == "oci:/srv/base.tar"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[network", "Expected ']' at the end of a table declaration"),
        ('[network]\nca_bundle = "/nonexistent.pem"', "ca_bundle is /nonexistent.pem: No such file or directory."),
        ('[network]\nca_bundle = "FILE"', "it holds no certificates."),
        ('[network]\nwheel_folders = ["/nonexistent"]', "wheel_folders has /nonexistent, where no folder is."),
        ('[network]\nbase_image = "Not A Reference"', '"Not A Reference" is not an image reference.'),
        ("\udcff", "can't decode byte 0xff"),
        (None, "No such file or directory."),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence_and_exit_code_3(
    tmp_path: Path, text: str | None, said: str
) -> None:
    file = tmp_path / "config.toml"
    if text is not None:
        file.write_bytes(text.replace("FILE", str(file)).encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigurationError) as caught:
        configure({"HOME": "/nonexistent", "MIGRATE_CONFIG": str(file)})
    assert said in caught.value.what
    assert caught.value.what.startswith(f"The configuration {file} cannot be used: ")
    assert (caught.value.code, caught.value.exit_code) == ("bad-configuration", ExitCode.CONFIGURATION)


@pytest.mark.programs
def test_a_command_reads_it_and_help_does_not(tmp_path: Path) -> None:
    file = tmp_path / ".config/migrate/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[network]\nproxy = "http://jane:secret-of-jane@proxy.example:3128"\n')
    environ = {"HOME": str(tmp_path), "OVH_ENDPOINT": "ovh-eu", "PATH": "/usr/bin:/bin"}

    def migrate(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [str(Path(sys.executable).with_name("migrate")), *words]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=100)

    found = json.loads(migrate("network", "--json").stdout)["data"]["contacts"]
    assert {"eu.api.ovh.com": "proxy proxy.example:3128"}.items() <= {one["host"]: one["via"] for one in found}.items()
    file.write_text('[network]\nproxy = "jane:secret-of-jane@proxy.example"\n')
    done = migrate("network")
    assert (done.returncode, "secret-of-jane" in done.stderr + done.stdout) == (3, False)
    assert migrate("network", "--help").returncode == 0
