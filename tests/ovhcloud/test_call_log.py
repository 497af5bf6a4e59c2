"""The log of calls: what is in it, what is never in it, how much of it is kept, and that it is in nobody's way."""

import io
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from migrate.core.errors import ConfigurationError
from migrate.ovhcloud import apps, projects, serving, storage
from migrate.ovhcloud.call_log import LONGEST_LINE, MOST_FILES, CallLog, doing, read_commands, tag_of
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.clouds import logged
from tests.ovhcloud.test_session import make_token

SECRET = "s3nt1nel-of-the-customer"


def answer(status: int = 200, query_id: str = "EU.ext-1.a.1.b") -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = SECRET.encode()
    response.headers.update({"X-OVH-QUERYID": query_id, "X-Other": SECRET})
    return response


def test_each_call_is_a_line_with_the_query_id_that_the_service_gave(
    sandbox: Path, cloud: Cloud, tmp_path: Path
) -> None:
    shown = io.StringIO()
    cloud.session.log = CallLog(tmp_path / "calls", show=shown)
    cloud.session.log.about("0123456789ab", 3)
    with doing("deploy", "unit:iris"):
        projects.project(cloud)
    with pytest.raises(ConfigurationError):
        serving.namespace(cloud, SECRET)
    make_token(cloud)
    cloud.session.log.close()
    (command,) = read_commands(tmp_path / "calls", "0123456789ab")
    assert command.run == 3
    made = {line.query_id: line for line in logged(sandbox)}
    assert [(call.method, call.path) for call in command.calls] == [
        ("GET", "/auth/time"),
        ("GET", "/cloud/project/{serviceName}"),
        ("GET", "/cloud/project/{serviceName}/ai/serving/{namespaceId}"),
        ("POST", "/cloud/project/{serviceName}/ai/token"),
    ]
    assert [call.status for call in command.calls[:3]] == [200, 200, 404]
    for call in command.calls:
        assert made[call.query_id].method == call.method
        assert made[call.query_id].status == call.status
    assert [(call.step, call.subject) for call in command.calls[1:3]] == [("deploy", tag_of("unit:iris")), ("", "")]
    assert len(shown.getvalue().splitlines()) == 4
    assert all(call.query_id in shown.getvalue() for call in command.calls)


def test_no_body_header_query_or_id_is_in_it(cloud: Cloud, tmp_path: Path) -> None:
    shown = io.StringIO()
    cloud.session.log = CallLog(tmp_path / "calls", show=shown)
    with pytest.raises(ConfigurationError):
        serving.namespace(cloud, SECRET)
    storage.access(cloud)
    make_token(cloud)
    apps.apps(cloud)
    cloud.session.log.close()
    (file,) = (tmp_path / "calls").iterdir()
    for text in (file.read_text(), shown.getvalue()):
        assert text.count("/cloud/project/{serviceName}") >= 3
        for private in (SECRET, cloud.project, "label", "a=b", "token-value"):
            assert private not in text


@pytest.mark.parametrize("query_id", [SECRET + "\n", "a b", "x" * 101, '"', "\x1b[31m"])
def test_a_query_id_that_is_none_is_left_out(tmp_path: Path, query_id: str) -> None:
    log = CallLog(tmp_path)
    log.about("j", 1)
    response = answer()
    response.headers["X-OVH-QUERYID"] = query_id
    assert log.record("GET", "/me", lambda: response) is response
    assert read_commands(tmp_path, "j")[0].calls[0].query_id == ""


def test_a_call_without_an_answer_says_what_kind_of_failure(tmp_path: Path) -> None:
    log = CallLog(tmp_path)

    def fail() -> requests.Response:
        raise requests.ConnectTimeout(SECRET)

    with pytest.raises(requests.ConnectTimeout):
        log.record("GET", "/me", fail)
    log.about("j", 1)
    (call,) = read_commands(tmp_path, "j")[0].calls
    assert (call.status, call.failure) == (None, "ConnectTimeout")


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    log = CallLog(tmp_path / "calls")
    log.record("GET", "/me", answer)
    (file,) = (tmp_path / "calls").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_nothing_is_written_before_the_first_call(tmp_path: Path) -> None:
    log = CallLog(tmp_path / "calls")
    log.about("j", 1)
    log.close()
    assert not (tmp_path / "calls").exists()


def test_the_last_commands_are_kept_and_the_last_calls_of_a_long_one(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 5):
        log = CallLog(tmp_path)
        log.about("j", number)
        log.record("GET", "/me", answer)
        log.close()
    assert [one.run for one in read_commands(tmp_path, "j")] == list(range(5, MOST_FILES + 5))
    long = CallLog(tmp_path, most=20_000)
    long.about("long", 1)
    for number in range(1000):
        long.record("GET", "/me", lambda number=number: answer(query_id=f"q-{number}"))
    assert sum(path.stat().st_size for path in tmp_path.glob(f"*-{os.getpid()}.*")) < MOST_FILES * 1000 + 22_000
    (kept,) = read_commands(tmp_path, "long")
    assert 50 < len(kept.calls) < 1000
    assert [call.query_id for call in kept.calls] == [f"q-{number}" for number in range(1000 - len(kept.calls), 1000)]


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    log = CallLog(tmp_path)
    log.about("j", 1)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: log.record("GET", "/me", lambda: answer(query_id=f"q-{number}")), range(200)))
    assert {call.query_id for call in read_commands(tmp_path, "j")[0].calls} == {f"q-{n}" for n in range(200)}


def test_a_folder_that_cannot_be_made_and_a_stream_that_is_closed_are_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("a file in the way")
    shown = io.StringIO()
    shown.close()
    log = CallLog(tmp_path / "calls", show=shown)
    log.about("j", 1)
    assert log.record("GET", "/me", answer).status_code == 200
    log.close()
    assert read_commands(tmp_path / "calls", "j") == ()


def test_a_full_disk_costs_the_line_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = CallLog(tmp_path)
    log.about("j", 1)
    log.record("GET", "/me", answer)
    write = os.write
    with monkeypatch.context() as full:  # the disk takes half a line, then none
        full.setattr(os, "write", lambda descriptor, data: write(descriptor, data[: len(data) // 2]))
        assert log.record("GET", "/half", answer).status_code == 200
    with monkeypatch.context() as full:

        def refuse(*_: object) -> int:
            raise OSError(28, "No space left on device")

        full.setattr(os, "write", refuse)
        assert log.record("GET", "/none", answer).status_code == 200
    log.record("GET", "/after", answer)
    assert [call.path for call in read_commands(tmp_path, "j")[0].calls] == ["/me", "/after"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    log = CallLog(tmp_path / "calls")
    log._name = "known"
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "known.jsonl").symlink_to(elsewhere)
    assert log.record("GET", "/me", answer).status_code == 200
    assert elsewhere.read_text() == "mine"


def test_what_is_no_line_is_left_out(tmp_path: Path) -> None:
    log = CallLog(tmp_path)
    log.about("j", 1)
    log.record("GET", "/me", answer)
    log.close()
    (file,) = tmp_path.iterdir()
    with file.open("ab") as end:
        end.write(b'{"line":"call"}\n\xff\xfe\n[1]\n' + b'{"line":"other"}\n' + b"[" * 2000 + b"\n")
        end.write(b'{"line":"call","at":"","method":"GET","path":"' + b"x" * LONGEST_LINE + b'","seconds":1}\n')
    assert len(read_commands(tmp_path, "j")[0].calls) == 1
    assert read_commands(tmp_path, "other") == ()


def test_the_sandbox_gives_every_answer_a_query_id(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    control.fail(sandbox, "5xx", method="GET", times=1, path_regex="/cloud/")
    cloud.session.log = CallLog(tmp_path / "calls")
    cloud.session.log.about("j", 1)
    projects.project(cloud)
    calls = [call for call in read_commands(tmp_path / "calls", "j")[0].calls if call.path.startswith("/cloud")]
    assert [call.status for call in calls] == [503, 200]  # each try is a call
    assert all(call.query_id for call in calls)
