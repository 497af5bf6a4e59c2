import json
from pathlib import Path

import pytest

from migrate.images.attestation.debian import BaseContents
from migrate.images.attestation.made_of import BasePart, MadeOf, Subject
from migrate.images.model.documents import created, gather, write_documents
from migrate.images.runtime import wheels
from migrate.images.runtime.templates import template_of
from tests.images.attestation.parts import OS_RELEASE, STATUS
from tests.images.conftest import IRIS, model_of, silent


def parts(store: Path, runtime: str = "onnx") -> MadeOf:
    contents = BaseContents(python="3.11.2", os_release=OS_RELEASE, status=STATUS)
    return gather(
        [model_of(IRIS)],
        runtime=runtime,
        subject=Subject(name="iris", digest=f"sha256:{'a' * 64}", kind="config"),
        base=BasePart(reference="python:3.11", contents=contents),
        python="3.11",
        store=store,
        created=None,
    )


@pytest.mark.programs
def test_the_packages_in_the_image_are_those_of_the_lock(store: Path) -> None:
    folder = wheels.vendor(template_of("onnx").locks, python="3.11", store=store, progress_text=silent)
    found = parts(store)
    assert found.wheels_read
    licences = {wheel.name: wheel.licence for wheel in found.wheels}
    assert len(licences) == len(list(folder.glob("*.dist-info"))) > 8
    assert licences["onnxruntime"] == "MIT License"
    assert [name for name, licence in licences.items() if not licence] == ["pysimdjson"]  # its metadata has none


def test_without_their_folder_the_lock_speaks_and_the_document_says_so(tmp_path: Path) -> None:
    found = parts(tmp_path)
    assert not found.wheels_read
    documents = write_documents(found, tmp_path / "deep/folder")
    bill = json.loads(Path(documents.sbom).read_text())
    said = {one["name"]: one["value"] for one in bill["metadata"]["properties"]}
    assert said["mlserving-migrate:packages"] == "by the lock alone: their folder is gone"
    assert sorted(path.name for path in tmp_path.joinpath("deep/folder").iterdir()) == [
        "provenance.intoto.json",
        "sbom.cdx.json",
    ]


def test_a_flow_has_the_packages_of_both_runtimes_once(tmp_path: Path) -> None:
    both = [wheel.name for wheel in parts(tmp_path, "onnx+tensorflow").wheels]
    assert len(set(both)) == len(both)
    assert {"onnxruntime", "tensorflow-cpu", "numpy"} <= set(both)
    assert [lock.runtime for lock in parts(tmp_path, "onnx+tensorflow").locks] == ["onnx", "tensorflow"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("315532800", 315532800), (" 0 ", 0), ("", None), ("-1", None), ("1e9", None), ("9" * 30, None)],
)
def test_the_time_is_that_of_source_date_epoch(text: str, seconds: int | None) -> None:
    assert created({"SOURCE_DATE_EPOCH": text}) == seconds
    assert created({}) is None
