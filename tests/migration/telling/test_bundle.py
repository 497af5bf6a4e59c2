"""A bundle says why a model failed, and holds nothing of whose it is."""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests

from migrate.core.errors import ConfigurationError, MigrateError, NeedsYouError
from migrate.core.options.sources import Typed
from migrate.core.values import (
    ContainerLocation,
    Inspection,
    Mismatch,
    ModelRecord,
    Parity,
)
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.subjects import model_subject, unit_subject
from migrate.migration.journey.outcomes import ended, keep_evidence
from migrate.migration.run.workspace import SourceFolder, Workspace
from migrate.migration.telling.bundle.bundle import Bundle, make_bundle
from migrate.migration.telling.bundle.redaction import Redactor
from migrate.ovhcloud.call_log import CallLog, doing

ENVIRON = {"HOME": "/nonexistent", "OVH_ENDPOINT": "ovh-eu"}
QUERY_ID = "EU.ext-1.0a1b2c3d.1700000000.0123456789abcdef"


def place(tmp_path: Path) -> tuple[Workspace, SourceFolder]:
    workspace = Workspace(tmp_path / "workspace")
    folder = workspace.source("ovh-eu", "p", "models@GRA")
    folder.path.mkdir(parents=True)
    return workspace, folder


def bundle(workspace: Workspace, environ: Mapping[str, str] = ENVIRON) -> Bundle:
    return make_bundle(Typed("models@GRA", "p", workspace.root), workspace, environ=environ)


def answer(status: int, query_id: str) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.headers["X-OVH-QUERYID"] = query_id
    return response


def texts_of(made: Bundle) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(made.archive())) as archive:
        assert archive.namelist() == [file.name for file in made.files]
        for name in archive.namelist():
            yield archive.read(name).decode("ascii")


class Case:
    """A model that failed, in a journal with the calls that were logged meanwhile."""

    def __init__(self, tmp_path: Path) -> None:
        self.workspace, self.folder = place(tmp_path)
        self.record = ModelRecord(
            id="fraud-of-acme",
            source="models@GRA",
            framework="onnx",
            location=ContainerLocation(region="GRA", container="acme", container_id="c", path="fraud/model.onnx"),
        )
        self.healthy = ModelRecord(id="other", source="models@GRA")
        self.subject = model_subject(self.record.id)
        self.journal = Journal.create(self.folder.journal, source="models@GRA", endpoint="ovh-eu", project="p")
        self.run = self.journal.begin("run")
        self.journal.list_models((self.healthy, self.record))

    def fails(self, error: MigrateError, *, status: int = 0, path: str = "", evidence: tuple[str, ...] = ()) -> str:
        """The part of the summary that is about the model."""
        keep_evidence(self.journal, self.record.id, evidence)
        self.journal.finish(ended(self.record, error, again=""))
        if status:
            log = CallLog(self.workspace.calls)
            log.about(self.journal.id, self.run)
            with doing(error.step, unit_subject(self.record.id)):
                log.record("POST", path, lambda: answer(status, QUERY_ID))
            log.close()
        self.journal.end(error.exit_code)
        self.journal.close()
        made = bundle(self.workspace)
        assert "acme" not in "".join(texts_of(made))
        for text in texts_of(made):
            assert "fraud" not in text
        _, found, rest = made.texts["summary.txt"].partition("model-2: ")
        assert found
        assert made.names["model-2"] == self.record.id
        cause = re.search(r"^  whose      (\w+)", rest, re.MULTILINE)
        assert cause
        self.cause = cause[1]
        return rest


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_a_cut_file_is_told(case: Case) -> None:
    text = "The file fraud/model.onnx is cut: 1000 bytes are missing."
    case.journal.put(
        case.subject,
        "inspect",
        "k",
        Inspection(format="onnx", runtime=None, verdict="unreadable", reason="truncated", text=text),
    )
    told = case.fails(NeedsYouError(text, code="truncated", step="inspect"))
    assert "  step       inspect" in told
    assert "evidence   inspect: onnx, unreadable, truncated" in told
    assert case.cause == "file"
    assert "  code       truncated" in told
    assert re.search(r"said       The file path-\d is cut: # bytes are missing\.", told)


def test_a_missing_right_is_told_with_the_call_that_was_refused(case: Case) -> None:
    error = ConfigurationError(
        "The credentials lack the right to POST /cloud/project/*/ai/app.",
        code="not-granted",
        query_id=QUERY_ID,
        step="deploy",
    )
    told = case.fails(error, status=403, path="/cloud/project/{serviceName}/ai/app")
    assert "  code       not-granted" in told
    assert "  step       deploy" in told
    assert f"  query id   {QUERY_ID}" in told
    assert re.search(rf"call       \S+  POST  /cloud/project/{{serviceName}}/ai/app  403 .* {QUERY_ID}  deploy", told)
    assert case.cause == "rights"


def test_an_image_that_cannot_be_pulled_is_told(case: Case) -> None:
    error = NeedsYouError(
        "AI Deploy could not run the app: ErrImagePull: manifest unknown for registry.acme.example/fraud:1.",
        code="app-image",
        step="deploy",
    )
    told = case.fails(error, evidence=("pull access denied for registry.acme.example/fraud, repository not found",))
    assert "  code       app-image" in told
    assert "  step       deploy" in told
    assert "ErrImagePull: manifest unknown for" in told
    assert "evidence   log: pull access denied for" in told
    assert case.cause == "rights"


def test_a_wrong_token_is_told(case: Case) -> None:
    error = ConfigurationError(
        "The registry registry.acme.example refuses the login of robot$fraud: 401 Unauthorized.",
        code="registry-login",
        step="push",
    )
    told = case.fails(error, evidence=("unauthorized: authentication required", "401 Unauthorized token=abcdef0123"))
    assert "  code       registry-login" in told
    assert "  step       push" in told
    assert "evidence   log: unauthorized: authentication required" in told
    assert "evidence   log: 401 Unauthorized word-" in told
    assert case.cause == "rights"


def test_an_answer_that_drifted_is_told_without_the_answer(case: Case) -> None:
    mismatch = Mismatch(
        sample="fraud-1",
        tensor="acme_score",
        index=(0, 2),
        old="0.731",
        new="0.734",
        difference=0.003,
        text="0.731 was 0.734",
    )
    proof = Parity(
        level="recorded", origin="fraud", passed=False, calls=8, worst_difference=0.003, mismatches=(mismatch,)
    )
    case.journal.put(case.subject, "prove", "k", proof)
    told = case.fails(NeedsYouError("The app answers differently: acme_score.", code="answers-differ", step="prove"))
    assert "  code       answers-differ" in told
    assert "  step       prove" in told
    assert "evidence   prove: different, recorded, 8 calls, worst about 1e-03" in told
    assert re.search(r"evidence   prove: tensor-1 at \[0, 2\] of sample-1 differs by about 1e-03", told)
    assert "731" not in told
    assert case.cause == "file"


def test_the_same_facts_give_the_same_bytes(case: Case) -> None:
    case.fails(NeedsYouError("no", code="answers-differ", step="prove"))
    assert bundle(case.workspace).archive() == bundle(case.workspace).archive()


def test_a_value_that_cannot_be_read_hides_no_other(case: Case) -> None:
    case.journal.put(case.subject, "inspect", "k", Inspection(format="onnx", runtime="onnx", verdict="ready"))
    case.journal._database.execute("UPDATE value SET json = '{'")
    told = case.fails(NeedsYouError("no", code="answers-differ", step="prove"))
    assert "  code       answers-differ" in told


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("failed to load the model", "failed to load the model"),
        ("password: model", "password: word-1"),
        ("Authorization: Bearer error", "Authorization: word-1 word-2"),
        ("exited with 137, not 4711", "exited with 137, not #"),
        ("load https://user:pass@host/path failed", "load word-1 failed"),
        ("[ONNXRuntimeError] : 7 : INVALID_PROTOBUF", "[ONNXRuntimeError] : # : INVALID_PROTOBUF"),
        ("error\u202e \x1b[31m failed", "word-1 word-2 failed"),
        ("", ""),
    ],
)
def test_of_a_line_known_words_stay(line: str, shown: str) -> None:
    assert Redactor().text(line) == shown


def test_a_name_is_a_pseudonym_also_where_it_is_a_word() -> None:
    redactor = Redactor()
    redactor.know("model", "error", "Fehler Nummer 1")
    assert redactor.text("error in Fehler Nummer 1, Error") == "model-1 in model-1, model-1"
    assert redactor.name("model", "error") == "model-1"


def test_a_magnitude_is_no_value() -> None:
    redactor = Redactor()
    numbers = (None, 0.0, 0.00473, -250.0, float("nan"), float("inf"))
    assert [redactor.magnitude(number) for number in numbers] == ["", "0", "about 1e-03", "about 1e+02", "nan", "inf"]


def test_the_names_are_not_in_the_files(case: Case) -> None:
    case.fails(NeedsYouError("no", code="answers-differ", step="prove"))
    made = bundle(case.workspace)
    assert json.dumps(list(made.names.values())).count("fraud")
    assert "fraud" not in "".join(texts_of(made))
