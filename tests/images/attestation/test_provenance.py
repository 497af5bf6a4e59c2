import hashlib
import json
from typing import Any

from msgspec.structs import replace

from migrate.images.attestation.made_of import MadeOf
from migrate.images.attestation.provenance import provenance
from tests.images.attestation.parts import HOSTILE, lock_text, made_of


def statement(parts: MadeOf, dockerfile: bytes | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(provenance(parts, b"sbom", dockerfile))
    return found


def test_it_names_the_image_and_all_that_it_was_built_from() -> None:
    parts = made_of()
    found = statement(parts)
    assert (found["_type"], found["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    assert found["subject"] == [{"name": "registry.example.com/p/iris:1-abc", "digest": {"sha256": "a" * 64}}]
    definition = found["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {"models": [HOSTILE], "platform": "linux/amd64", "runtime": "onnx"}
    materials = {one["name"]: one["digest"] for one in definition["resolvedDependencies"]}
    artifact = parts.models[0].artifact
    assert materials == {
        f"model {HOSTILE}": {"mlservingMigrateArtifact": artifact.digest.removeprefix("sha256:")},
        f"model {HOSTILE}: iris.onnx": {"sha256": artifact.files[0].digest.removeprefix("sha256:")},
        "onnx/requirements.lock": {"sha256": hashlib.sha256(lock_text("onnx").encode()).hexdigest()},
        "base image python:3.11-slim-bookworm": {"sha256": "b" * 64},
    }
    run = found["predicate"]["runDetails"]
    assert run["builder"]["version"] == {"mlserving-migrate": "1.2.3"}
    assert run["byproducts"][0]["digest"]["sha256"] == hashlib.sha256(b"sbom").hexdigest()
    assert "metadata" not in run


def test_a_context_for_other_builders_is_known_by_its_files() -> None:
    found = statement(made_of(), b"FROM x")
    assert found["subject"] == [
        {"name": "Dockerfile", "digest": {"sha256": hashlib.sha256(b"FROM x").hexdigest()}},
        {"name": "sbom.cdx.json", "digest": {"sha256": hashlib.sha256(b"sbom").hexdigest()}},
    ]


def test_equal_parts_give_equal_bytes_and_the_time_is_the_given_one() -> None:
    parts = made_of()
    assert provenance(parts, b"sbom") == provenance(made_of(), b"sbom")
    details = statement(replace(parts, created=315532800))["predicate"]["runDetails"]
    assert details["metadata"] == {"finishedOn": "1980-01-01T00:00:00Z"}
