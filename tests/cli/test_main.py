"""How command lines end: the code, one sentence, the next step; JSON keeps standard output to itself."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from migrate import __version__
from migrate.cli.errors import tell, wants_json
from migrate.cli.main import run
from migrate.core.codes.catalogue import CODES
from migrate.core.errors import LocalError
from migrate.core.secret import Secret
from migrate.migration.telling import places

MIGRATE = str(Path(sys.executable).with_name("migrate"))


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials, a home and a workspace of its own."""
    for name in ("OVH_ENDPOINT", "OVH_CLOUD_PROJECT_SERVICE", "MIGRATE_PROJECT", "MIGRATE_OLD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MIGRATE_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.chdir(tmp_path)


def last(out: str) -> dict[str, Any]:
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[-1]["event"] == "result"
    found: dict[str, Any] = lines[-1]
    return found


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"migrate {__version__}\n"


def test_nothing_typed_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Move:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "helping"),
    [
        (["bogus"], "migrate --help"),
        (["run"], "migrate run --help"),
        (["run", "ns", "--jobs", "x"], "migrate run --help"),
        (["run", "ns", "--jobs", "0"], "migrate run --help"),
        (["run", "ns", "--layout", "flat"], "migrate run --help"),
        (["run", "ns", "--replicas", "11"], "migrate run --help"),
        (["run", "ns", "--cpus", "0"], "migrate run --help"),
        (["run", "ns", "--replicas", "2", "--scale-max", "3"], "; --help explains"),
        (["run", "ns", "--scale-min", "3", "--scale-max", "2"], "; --help explains"),
        (["why", "ns"], "migrate why --help"),
        (["undo", "ns", "--everything"], "migrate undo --help"),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_2(
    words: list[str], helping: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("Error: ")
    assert helping in shown.err
    assert run([*words, "--json"]) == 2
    shown = capsys.readouterr()
    assert last(shown.out)["error"]["code"] == "usage"
    assert shown.err == ""


@pytest.mark.parametrize("words", [["apply", "plan.json", "--expect"], ["sandbox", "start", "--folder"]])
def test_an_option_without_its_value_names_its_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert f"migrate {' '.join(words[:-1]).removesuffix(' plan.json')} --help" in capsys.readouterr().err


def test_without_credentials_it_says_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "my-namespace", "-o", "json"]) == 3
    found = last(capsys.readouterr().out)
    assert found["exit_code"] == 3
    assert found["command"] == "run"
    assert found["error"]["code"] == "no-credentials"
    assert "OVH_APPLICATION_KEY" in found["error"]["next_step"]


def test_a_dry_run_of_a_folder_names_the_command_that_needs_no_credentials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["run", str(tmp_path), "--dry-run", "--json"]) == 3
    error = last(capsys.readouterr().out)["error"]
    assert error["code"] == "no-credentials"
    assert f"migrate list {tmp_path}" in error["next_step"]
    assert "OVH_APPLICATION_KEY" in error["next_step"]


@pytest.mark.parametrize("words", [["why", "ns", "m"], ["undo", "ns", "--yes"], ["status", "ns"]])
def test_what_was_never_run_is_said(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    said = capsys.readouterr().err
    assert "Nothing was run on the source ns" in said
    assert "migrate run" not in said, "who wants to delete is not told to start a bill"


def test_a_bug_has_its_result_line_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> Path:
        raise ZeroDivisionError

    monkeypatch.delenv("MIGRATE_WORKSPACE", raising=False)
    monkeypatch.setattr("platformdirs.user_state_path", fail)
    with pytest.raises(ZeroDivisionError):
        run(["status", "--json"])
    found = last(capsys.readouterr().out)
    assert (found["event"], found["command"], found["exit_code"]) == ("result", "status", 1)
    assert found["error"]["code"] == "bug"
    with pytest.raises(ZeroDivisionError):
        run(["status"])
    assert capsys.readouterr().out == ""


def test_status_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status"]) == 0
    assert "Nothing was run here yet" in capsys.readouterr().out
    assert run(["status", "--json"]) == 0
    assert last(capsys.readouterr().out)["data"] == {"sources": []}


def test_a_folder_is_listed_without_credentials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = Path(__file__).parents[2] / "examples" / "models"
    assert run(["list", str(models), "--json"]) == 0
    assert "iris" in {model["id"] for model in last(capsys.readouterr().out)["data"]["models"]}
    (tmp_path / "empty").mkdir()
    assert run(["list", str(tmp_path / "empty")]) == 0
    assert "No model was found" in capsys.readouterr().out


@pytest.mark.parametrize("address", ["/mine", "mine", "", "team/models"])
def test_a_registry_needs_a_host(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "ns", "--registry", address]) == 2
    assert "HOST[/PATH]" in capsys.readouterr().err


def test_a_token_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "ns", "--old-token-file", str(tmp_path / "none")]) == 3
    assert "--old-token-file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["run", "--json"], True),
        (["run", "-o", "json"], True),
        (["run", "-ojson"], True),
        (["run", "--output=json"], True),
        (["run", "-o", "text"], False),
        (["run", "--", "--json"], False),
        (["run", "json"], False),
    ],
)
def test_json_is_seen_also_where_the_line_cannot_be_parsed(words: list[str], wanted: bool) -> None:
    assert wants_json(words) is wanted


def test_an_error_shows_no_secret_and_the_query_id(capsys: pytest.CaptureFixture[str]) -> None:
    secret = Secret("s3cr3t-value")
    error = LocalError(f"It said {secret.reveal()}.", code="x", next_step="Do this.", query_id="EU.1")
    assert tell(error, ["run"]) == 7
    assert capsys.readouterr().err == ("Error: It said ***.\nNext:  Do this.\nFor OVHcloud's support: query id EU.1\n")
    assert tell(error, ["run", "--json"]) == 7
    assert last(capsys.readouterr().out)["error"] == {
        "code": "x", "what": "It said ***.", "next_step": "Do this.", "query_id": "EU.1",
    }  # fmt: skip


def test_an_error_without_a_next_step_has_the_one_of_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(LocalError("The engine refused.", code="engine-failed"), ["run"]) == 7
    assert f"Next:  {CODES['engine-failed'].next_step}\n" in capsys.readouterr().err
    tell(LocalError("The engine refused.", code="engine-failed"), ["run", "--json"])
    assert last(capsys.readouterr().out)["error"]["next_step"] == CODES["engine-failed"].next_step


def test_a_programming_error_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(places, "list_places", broken)
    with pytest.raises(ZeroDivisionError):
        run(["list"])


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    models = Path(__file__).parents[2] / "examples" / "models"
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{MIGRATE} list {models} | head -1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
