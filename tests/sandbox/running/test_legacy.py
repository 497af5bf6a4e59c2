"""The old endpoints answer as the old runtime did, by the golden vectors and by the samples of the sample models."""

import json
import math
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from migrate.sandbox.base.seam import Traffic
from migrate.sandbox.running.legacy import Legacy
from migrate.sandbox.world.samples import NAMESPACES, read_index, requests_folder, samples_folder
from tests import golden_folders
from tests.golden_folders import GoldenCase
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).parents[3]

PARSE = "Unable to parse the given bytes into a correct json map of (name -> tensor)"
FOLDERS = [samples_folder(name) for name in NAMESPACES]
FLOWER = b'{"float_input":[5.1,3.5,1.4,0.2]}'


# Models whose engines the sandbox's old endpoints do not have, and patterns of dates that they do not know.
UNKNOWN = {
    "support-tokens", "species-torchscript", "wine-tf2", "load-zip", "progression-flow", "urgency-flow", "flow",
    "calendar", "partial", "count-TS_D", "count-TS_MO", "count-TS_MS",
}  # fmt: skip
JSON = "application/json"


def golden_cases() -> list[GoldenCase]:
    """Those that the sandbox's old endpoints answer: JSON in and out, and the models that it has engines for."""
    found = []
    for one in golden_folders.cases():
        model, request = one.model.name, one.case["request"]
        known = model.startswith("onnx_") if one.folder != golden_folders.OURS else model not in UNKNOWN
        kinds = {request["headers"].get("Content-Type", JSON).partition(";")[0], request["headers"].get("Accept", JSON)}
        if known and kinds <= {JSON, "*/*", ""} and request["path"].strip("/") in ("eval", "describe"):
            found.append(one)
    return found


def sample_cases() -> list[dict[str, Any]]:
    """The samples of the sample models, in the form of the golden cases: answers of the training code."""
    cases = []
    answering = {str(model["id"]) for name in NAMESPACES for model in read_index(name).models}
    answering -= {model for name in NAMESPACES for model in read_index(name).silent}
    for path in sorted(path for name in NAMESPACES for path in requests_folder(name).glob("*/*.json")):
        if path.parent.name not in answering:
            continue
        sample = json.loads(path.read_text(encoding="utf-8"))
        checks = [{"path": name, "value": value, "tolerance": 2e-6} for name, value in sample["answer"].items()]
        request = {"method": "POST", "path": "/eval", "headers": {"Content-Type": "application/json"}}
        request["body"] = json.dumps(sample["request"]).encode()
        name = f"{path.parent.name}/{path.stem}"
        cases.append({"case": name, "model_dir": path.parent.name, "request": request, "expect": {"assert": checks}})
    return cases


@pytest.fixture(scope="module")
def seen() -> list[Traffic]:
    return []


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, seen: list[Traffic]) -> Iterator[Legacy]:
    server = Legacy(tmp_path_factory.mktemp("legacy"), models=FOLDERS, record=seen.append)
    server.start(lambda _text: None)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path, Legacy]]:
    servers = {
        folder: Legacy(tmp_path_factory.mktemp("legacy"), models=[folder / "_models"], record=lambda _traffic: None)
        for folder in golden_folders.FOLDERS
    }
    for server in servers.values():
        server.start(lambda _text: None)
    yield servers
    for server in servers.values():
        server.stop()


def call(server: Legacy, model: str, path: str = "/eval", body: bytes | None = None, **headers: str) -> Any:
    given = {"Authorization": f"Bearer {server.token}"} | {k.replace("_", "-"): v for k, v in headers.items()}
    method = "GET" if body is None else "POST"
    return requests.request(method, f"{server.url}/{model}{path}", data=body, headers=given, timeout=60)


@pytest.mark.parametrize("one", golden_cases(), ids=lambda one: one.name)
def test_golden_vectors(one: GoldenCase, golden: dict[Path, Legacy]) -> None:
    hold(golden[one.folder], one.model.name, one.case, one.body)


@pytest.mark.parametrize("case", sample_cases(), ids=lambda case: case["case"])
def test_samples(case: dict[str, Any], samples: Legacy) -> None:
    hold(samples, case["model_dir"], case, case["request"]["body"])


def hold(server: Legacy, model: str, case: dict[str, Any], body: bytes | None) -> None:
    request, expect = case["request"], case["expect"]
    headers = {"Authorization": f"Bearer {server.token}"} | request["headers"]
    answer = requests.request(
        request["method"], f"{server.url}/{model}{request['path']}", data=body, headers=headers, timeout=60
    )
    assert answer.status_code == expect.get("status", 200), answer.text
    for name, value in expect.get("headers", {}).items():
        assert answer.headers[name] == value
    if "body_file" in expect:
        folder = next(folder for folder in golden_folders.FOLDERS if (folder / expect["body_file"]).exists())
        assert answer.text == (folder / expect["body_file"]).read_text(encoding="utf-8")
    if "json" in expect:
        assert answer.json() == expect["json"]
    for check in expect.get("assert", ()):
        assert_close(find(answer.json(), check["path"]), check["value"], check.get("tolerance", 0))


def find(document: Any, path: str) -> Any:
    if path == "keys":
        return sorted(document)
    if path in document:
        return document[path]
    for part in path.replace("]", "").replace("[", ".").split("."):
        if part == "length":
            return len(document)
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def assert_close(got: Any, wanted: Any, tolerance: float) -> None:
    if isinstance(wanted, list):
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            assert_close(one, other, tolerance)
    elif isinstance(wanted, bool | str | None):
        assert got == wanted
    else:
        assert math.isclose(got, wanted, rel_tol=tolerance, abs_tol=tolerance)


@pytest.mark.parametrize(
    ("folder", "text"),
    [
        (folder, text)
        for folder, text in golden_folders.descriptions()
        if folder.name.startswith("onnx_") or (folder.parents[1] == golden_folders.OURS and folder.name not in UNKNOWN)
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_describe_documents(folder: Path, text: str, golden: dict[Path, Legacy]) -> None:
    assert call(golden[folder.parents[1]], folder.name, "/describe").text == text


@pytest.mark.parametrize(
    "body",
    [
        FLOWER,
        b'{"other":1,"float_input":[[5.1,3.5,1.4,0.2]]} and more',
        '{"float_input":[5.1,3.5,1.4,0.2]}'.encode("utf-16"),
        b'{"float_input":[1],"float_input":[5.1,3.5,1.4,0.2]}',
        b'{"float_input":[[5.1,3.5],[1.4,0.2]]}',
    ],
)
def test_what_the_old_parser_took(samples: Legacy, body: bytes) -> None:
    got = call(samples, "iris", body=body, Content_Type="application/json")
    assert got.status_code == 200
    assert got.headers["Content-Type"] == "application/json;charset=utf-8"
    assert "Server" not in got.headers
    # A digit may be another one on another processor.
    written = re.fullmatch(r'{"output_probability":\[0\.\d{7,8},0\.0\d{7,8},1\.\d{5,8}E-8],"output_label":0}', got.text)
    assert written is not None, got.text
    assert_close(json.loads(got.text)["output_probability"], [0.98165697, 0.018343046, 1.4395182e-8], 1e-5)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, PARSE),
        (b"[1]", 400, PARSE),
        (b'{"float_input":NaN}', 400, PARSE),
        (b'{"float_input":{"a":1}}', 400, PARSE),
        (b'{"float_input":[[1,2],[3]]}', 400, PARSE),
        (b'{"float_input":[1,[2]]}', 400, PARSE),
        (b'{"float_input":[1,true]}', 400, PARSE),
        (b'{"float_input":[null,null]}', 400, PARSE),
        (b'{"float_input":[[],[]]}', 400, PARSE),
        (b'{"float_input":18446744073709551616}', 400, PARSE),
        (b"\xff\xfe\x00", 400, PARSE),
        (b'{"float_input":null}', 500, "Internal error"),
        (b'{"float_input":[]}', 500, "Internal error"),
        (b'{"float_input":true}', 400, "Incompatibilies in types for tensor : required (boolean) but found (float)"),
        (b'{"float_input":[1,2,3]}', 400, "Unable to resolve shape [3] into [-1, 4]"),
        (b"{}", 400, "Unable to find a tensor with name float_input"),
    ],
)
def test_what_it_refused(samples: Legacy, body: bytes, status: int, message: str) -> None:
    got = call(samples, "iris", body=body, Content_Type="application/json")
    assert got.headers["Content-Type"] == "application/json"
    assert (got.status_code, got.json()) == (status, {"status": status, "message": message})


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({}, 415, "RESTEASY003065: Cannot consume content type"),
        ({"Content_Type": "text/csv"}, 415, "RESTEASY003065: Cannot consume content type"),
        ({"Content_Type": "Application/JSON"}, 400, "Unsupported Content-Type: Application/JSON"),
        ({"Content_Type": "application/json", "Accept": "text/csv"}, 406, "RESTEASY003635: No match for accept header"),
        (
            {"Content_Type": "application/json", "Accept": "application/*"},
            400,
            "Accept header 'application/*' not supported...",
        ),
        ({"Content_Type": "application/json", "Step": "input:x"}, 500, "Internal error"),
    ],
)
def test_headers_that_it_refused(samples: Legacy, headers: dict[str, str], status: int, message: str) -> None:
    got = call(samples, "iris", body=FLOWER, **headers)
    assert (got.status_code, got.json()["message"]) == (status, message)


def test_what_is_not_json(samples: Legacy) -> None:
    assert call(samples, "iris", body=b"x", Content_Type="image/png").status_code == 415
    assert call(samples, "iris", body=b"x", Content_Type="multipart/form-data; boundary=x").status_code == 415
    assert call(samples, "iris", body=FLOWER, Content_Type="application/json", Accept="text/html").status_code == 406
    assert call(samples, "iris", "/openapi.json").status_code == 404


def test_routes(samples: Legacy) -> None:
    assert call(samples, "iris", "/describe/").status_code == 200
    assert call(samples, "iris", "/describe", Accept="text/html").status_code == 406
    assert call(samples, "iris", "/").headers["Content-Type"] == "text/html;charset=utf-8"
    missing = call(samples, "iris", "/else")
    host = samples.url.removeprefix("http://")
    assert missing.status_code == 404
    assert missing.json()["message"] == f"RESTEASY003210: Could not find resource for full path: http://{host}/else"
    assert call(samples, "iris", "/eval").status_code == 405
    assert call(samples, "iris", "/describe", body=b"{}").status_code == 405
    header = {"Authorization": f"Bearer {samples.token}"}
    assert requests.options(f"{samples.url}/iris/eval", headers=header, timeout=60).status_code == 500
    head = requests.head(f"{samples.url}/iris/describe", headers=header, timeout=60)
    assert (head.status_code, head.text) == (200, "")
    assert int(head.headers["Content-Length"]) > 100


def test_step_shows_the_inside_without_dropping_dimensions(samples: Legacy) -> None:
    inside = call(samples, "iris", body=FLOWER, Content_Type="application/json", Step="input:0")
    assert inside.text == '{"float_input":[[5.1,3.5,1.4,0.2]]}'
    outside = call(samples, "iris", body=FLOWER, Content_Type="application/json", Step="else").json()
    assert outside["output_label"] == [0]


def test_chunked_bodies_are_read(samples: Legacy) -> None:
    parts = iter([FLOWER[:10], FLOWER[10:]])
    header = {"Authorization": f"Bearer {samples.token}", "Content-Type": "application/json"}
    got = requests.post(f"{samples.url}/iris/eval", data=parts, headers=header, timeout=60)
    assert got.json()["output_label"] == 0


def test_tokens_open_what_they_name(samples: Legacy) -> None:
    def status(token: str, model: str = "iris") -> int:
        return requests.get(f"{samples.url}/{model}/describe", auth=("", token), timeout=60).status_code

    assert status(samples.token) == 200
    assert status(samples.issue("a", ("model-evaluation",), "iris")) == 200
    assert status(samples.issue("a", ("model-evaluation",), "ir*")) == 200
    assert status(samples.issue("a", ("model-evaluation",), "titanic")) == 401
    assert status(samples.issue("a", ("model-management",), "iris")) == 401
    assert status(samples.token[:-4] + "AAAA") == 401
    assert status("") == 401
    assert requests.get(f"{samples.url}/iris/describe", auth=("me", samples.token), timeout=60).status_code == 401
    assert requests.get(f"{samples.url}/iris/describe", timeout=60).status_code == 401


@pytest.mark.parametrize(
    ("model", "document"),
    [
        (
            "ages-scaler",
            (
                '{"inputs":[{"name":"age","type":"double"},{"name":"income","type":"double"}],'
                '"outputs":[{"name":"scaled_age","type":"double"},{"name":"scaled_income","type":"double"}],'
                '"rolling_windows_size":1}'
            ),
        ),
        (
            "price-interval",
            (
                '{"inputs":[{"name":"price","type":"double"}],"outputs":[{"name":"price_quantile_inf","type":"double"},'
                '{"name":"price_quantile_sup","type":"double"}],"rolling_windows_size":1}'
            ),
        ),
    ],
)
def test_processors_are_described(samples: Legacy, model: str, document: str) -> None:
    assert call(samples, model, "/describe").text == document


def test_a_date_time_encoder_is_described_with_its_formats(samples: Legacy) -> None:
    document = call(samples, "dates", "/describe").json()
    (source,) = document["inputs"]
    assert source == {"name": "ordered_at", "type": "string", "shape": [-1], "format": "dd/MM/yyyy HH:mm"}
    assert [field["format"] for field in document["outputs"]] == ["DAYOFWEEK", "MONTH", "TS_S", "TS_D",
                                                                  "EEEE d MMM uuuu"]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "body", "status", "text"),
    [
        ("ages-scaler", b'{"age":[20,null],"income":[1,2]}', 200, '"scaled_age":[-1.3382352941176474,null]'),
        ("ages-scaler", b'{"age":[20,1],"income":[1]}', 400, "as a 2 dimensional array."),
        ("ages-scaler", b'{"age":[20]}', 400, "Required fields (age,double),(income,double) not found"),
        ("ages-scaler", b'{"age":["a"],"income":[1]}', 400, "Required fields (age,double),(income,double) not found"),
        ("price-interval", b'{"price":[[1e300],[2]]}', 200, '"price_quantile_inf":[1.0E300,-2054.0'),
        ("dates", b'{"ordered_at":"1/7/2021 20:30"}', 500, "Internal error"),
        ("dates", b'{"ordered_at":"32/02/2021 20:30"}', 500, "Internal error"),
        ("dates", b'{"ordered_at":"31/02/2021 20:30"}', 200, '"seconds":1614544200'),
        ("dates", b'{"other":"31/02/2021 20:30"}', 400, "Unable to find a tensor with name ordered_at"),
        ("dates", b'{"ordered_at":"31/12/1969 23:59"}', 200, '"seconds":-60'),
    ],
)
def test_what_processors_answer(samples: Legacy, model: str, body: bytes, status: int, text: str) -> None:
    answer = call(samples, model, body=body, Content_Type="application/json")
    assert answer.status_code == status
    assert text in answer.text


def test_formats_that_need_an_engine_do_not_answer(samples: Legacy) -> None:
    silent = [model for name in NAMESPACES for model in read_index(name).silent]
    assert silent
    assert {call(samples, model, "/describe").status_code for model in silent} == {404}


def test_a_model_that_never_deployed_is_not_there(samples: Legacy) -> None:
    assert call(samples, "broken", "/describe").status_code == 404
    assert call(samples, "nobody", "/describe").status_code == 404


def test_every_request_is_reported(samples: Legacy, seen: list[Traffic]) -> None:
    before = len(seen)
    answer = call(samples, "housing", "/describe")
    wait_until(lambda: len(seen) > before, "it is not reported")
    assert seen[-1].status == 200
    assert seen[-1].bytes == len(answer.content)


def test_port_and_tokens_stay_over_a_restart(tmp_path: Path) -> None:
    first = Legacy(tmp_path, models=FOLDERS, record=lambda _traffic: None)
    again = Legacy(tmp_path, models=FOLDERS, record=lambda _traffic: None)
    assert (first.url, first.token) == (again.url, again.token)
    for server in (first, again):
        server.start(lambda _text: None)
        assert call(server, "iris", "/describe").status_code == 200
        server.stop()
        with pytest.raises(requests.ConnectionError):
            call(server, "iris", "/describe")


def test_it_says_why_it_cannot_start(tmp_path: Path) -> None:
    server = Legacy(tmp_path, models=FOLDERS, record=lambda _traffic: None)
    with socket.create_server(("127.0.0.1", int(server.url.rpartition(":")[2]))):
        with pytest.raises(RuntimeError, match=r"cannot be started: .*Address already in use"):
            server.start(lambda _text: None)
        again = Legacy(tmp_path, models=FOLDERS, record=lambda _traffic: None)
        assert again.url != server.url  # a port that is taken is not kept


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from migrate.sandbox.running.legacy import Legacy;"
        "server = Legacy(Path(sys.argv[1]), models=[Path(sys.argv[2])], record=print);"
        "server.start(lambda text: None); print(server.url, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path, samples_folder()], check=False, capture_output=True, text=True
    )
    assert done.returncode == -9
    url = done.stdout.strip()

    def ended() -> bool:
        try:
            requests.get(url, timeout=PATIENCE)
        except requests.ConnectionError:
            return True
        return False

    wait_until(ended, "the child outlived its parent")


def test_it_imports_nothing_of_the_tool() -> None:
    for file in (ROOT / "migrate" / "sandbox" / "old_runtime").glob("*.py"):
        lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
        imported = {words[1].split(".")[0] for words in lines if words[:1] in (["from"], ["import"])}
        assert imported <= {"", "numpy", "onnxruntime", *sys.stdlib_module_names}
