"""The command as it answers, and what it mends."""

import errno
import json
from pathlib import Path

import pytest

from migrate.commands.doctor import doctor, look, mend
from migrate.core.checkup import NAMES, Check
from migrate.core.errors import ExitCode
from migrate.core.options.access import DoctorOptions
from migrate.migration.run.workspace import Workspace
from migrate.sandbox import control
from tests.clouds import calls

ALONE = {
    "DOCKER_HOST": "tcp://127.0.0.1:1",
    "UV_DEFAULT_INDEX": "http://127.0.0.1:1/simple",
    "UV_HTTP_RETRIES": "0",
    "UV_NO_CONFIG": "1",
}


@pytest.fixture
def environ(sandbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A home whose file has the keys, and may be read by everybody."""
    monkeypatch.chdir(tmp_path)
    known = control.env(sandbox)
    file = tmp_path / ".ovh.conf"
    file.write_text(
        f"[default]\nendpoint={known['OVH_ENDPOINT']}\n[{known['OVH_ENDPOINT']}]\n"
        f"application_key={known['OVH_APPLICATION_KEY']}\napplication_secret={known['OVH_APPLICATION_SECRET']}\n"
        f"consumer_key={known['OVH_CONSUMER_KEY']}\ncloud_project={known['OVH_CLOUD_PROJECT_SERVICE']}\n"
    )
    file.chmod(0o644)
    return {"HOME": str(tmp_path), **ALONE}


def test_what_may_be_mended_is_and_only_when_asked(
    sandbox: Path, environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = DoctorOptions(builder="none", base_image=f"oci:{tmp_path / 'none.tar'}", authorize=True)
    workspace = Workspace(tmp_path / "workspace")
    before = look(options, workspace, environ, lambda _: None)
    assert tuple(check.name for check in before) == NAMES
    fixable = {check.name for check in before if check.fixable}
    assert fixable == {"credentials", "authorization"}
    assert calls(sandbox, "POST", "/ai/authorization") == 0
    done = mend(options, before, workspace, environ)
    assert len(done) == 2
    assert (tmp_path / ".ovh.conf").stat().st_mode & 0o077 == 0
    assert calls(sandbox, "POST", "/ai/authorization") == 1
    after = {check.name: check.state for check in look(options, workspace, environ, lambda _: None)}
    assert (after["credentials"], after["authorization"]) == ("ok", "ok")
    assert capsys.readouterr().err == ""


def test_a_file_of_another_user_stays_and_that_is_said(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(file: Path, _: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(file))

    monkeypatch.setattr(Path, "chmod", refused)  # as the kernel answers who is not root
    found = (Check(name="credentials", state="warning", text="t", fixable=True),)
    assert mend(DoctorOptions(), found, Workspace(tmp_path / "workspace"), environ) == ()
    assert f"{tmp_path / '.ovh.conf'} cannot be used: Operation not permitted." in capsys.readouterr().err


def test_without_a_terminal_nobody_is_asked_and_nothing_is_opened(
    sandbox: Path, environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = DoctorOptions(
        builder="none", base_image=f"oci:{tmp_path / 'none.tar'}", fix=True, workspace=tmp_path / "w", as_json=True
    )
    code = doctor(options, environ)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert any("--authorize" in line.get("text", "") for line in lines)
    assert calls(sandbox, "POST", "/ai/authorization") == 0
    result = lines[-1]
    assert result["exit_code"] == code == ExitCode.LOCAL
    wrong = {check["name"]: check["code"] for check in result["data"]["checks"] if check["state"] == "wrong"}
    assert wrong == {
        "registry": "registry-unreachable",
        "base image": "base-unusable",
        "packages": "wheels-failed",
    }
    assert result["data"]["fixed"] == [f"{tmp_path / '.ovh.conf'} can be read by its owner alone."]


def test_each_line_says_what_is_wrong_and_what_to_type(
    environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = DoctorOptions(base_image=f"oci:{tmp_path / 'none.tar'}", workspace=tmp_path / "w")
    assert doctor(options, environ) == ExitCode.LOCAL
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in shown if line.startswith(("ok ", "wrong ", "warning ", "skipped "))] == [
        name.split()[0] for name in NAMES
    ]
    assert any(line.startswith("skipped  base image") for line in shown)  # the engine that was named does not answer
    assert any(line.strip() == f"Type: chmod 600 {tmp_path / '.ovh.conf'}" for line in shown)
    assert shown[-1] == "3 things that a run would fail on."
