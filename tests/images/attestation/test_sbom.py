import json
import re
import uuid
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from msgspec.structs import replace

from migrate.core.values import UnsafeFile
from migrate.images.attestation.made_of import MadeOf
from migrate.images.attestation.sbom import sbom
from migrate.images.runtime.templates import runtimes
from tests.images.attestation.parts import HOSTILE, STATUS, lock_text, made_of

WINDOWS_OR_MAC = re.compile(r"; sys_platform == 'win32'|; sys_platform != 'linux'|sys_platform == 'emscripten'")


@pytest.fixture(scope="module")
def validator() -> JsonStrictValidator:
    return JsonStrictValidator(SchemaVersion.V1_6)


def document(parts: MadeOf) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sbom(parts))
    return found


def of_type(found: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [component for component in found["components"] if component["type"] == kind]


def properties(component: dict[str, Any]) -> dict[str, str]:
    return {one["name"].removeprefix("mlserving-migrate:"): one["value"] for one in component.get("properties", ())}


@pytest.mark.parametrize("runtime", runtimes())
def test_the_python_packages_are_the_lock_and_nothing_else(runtime: str, validator: JsonStrictValidator) -> None:
    text = sbom(made_of(runtime))
    assert validator.validate_str(text.decode()) is None
    purls = [part["purl"] for part in json.loads(text)["components"] if part.get("purl", "").startswith("pkg:pypi/")]
    # Read here in another way than there: the lines of a lock that are for Linux and Python 3.11.
    lines = [line for line in lock_text(runtime).splitlines() if "==" in line and not WINDOWS_OR_MAC.search(line)]
    lines = [line for line in lines if "python_full_version >= '3.1" not in line]
    expected = [f"pkg:pypi/{line.split()[0].replace('==', '@').replace('+', '%2B')}" for line in lines]
    assert sorted(purls) == sorted(expected)
    assert len(set(purls)) == len(purls) > 8


def test_a_package_has_the_hashes_of_the_lock() -> None:
    found = {part["name"]: part for part in document(made_of())["components"]}
    click = [one["content"] for one in found["click"]["hashes"]]
    assert click == re.findall(r"sha256:([0-9a-f]{64})", lock_text("onnx").partition("flatbuffers")[0])
    assert properties(found["click"])["hashes"] == "those of all files that the lock accepts"
    assert "hashes" not in properties(found["flatbuffers"])  # one file, one hash


def test_debian_packages_are_those_that_dpkg_says_are_installed() -> None:
    found = document(made_of())
    purls = [part["purl"] for part in found["components"] if part.get("purl", "").startswith("pkg:deb/")]
    assert purls == [
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12&upstream=glibc",
        "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64&distro=debian-12&upstream=zlib",
    ]
    (base,) = of_type(found, "container")
    assert properties(base)["debian-packages"] == "2"
    (system,) = of_type(found, "operating-system")
    assert (system["name"], system["version"]) == ("debian", "12")


def test_a_base_that_does_not_tell_its_packages_says_so(validator: JsonStrictValidator) -> None:
    untold = made_of(status=None)
    unseen = replace(untold, base=replace(untold.base, contents=None, digest=""))
    for parts, said in ((untold, "no /var/lib/dpkg/status"), (unseen, "nobody looked into the base image")):
        text = sbom(parts)
        assert validator.validate_str(text.decode()) is None
        (base,) = of_type(json.loads(text), "container")
        assert said in properties(base)["debian-packages"]
        assert b"pkg:deb" not in text
    # No package manager, and yet files that say what was put into it; these have no line Status.
    distroless = made_of(status=STATUS.replace("Status: install ok installed\n", ""))
    assert sum("pkg:deb" in part.get("purl", "") for part in document(distroless)["components"]) == 2


def test_a_model_is_a_component_with_hash_format_and_signature(validator: JsonStrictValidator) -> None:
    parts = made_of()
    digest = f"sha256:{'e' * 64}"
    allowed = UnsafeFile(path="iris.onnx", digest=digest, allowed=True)
    unsafe = replace(parts.models[0], inspection=replace(parts.models[0].inspection, unsafe=(allowed,)))
    text = sbom(replace(parts, models=(unsafe,)))
    assert validator.validate_str(text.decode(errors="surrogateescape")) is None
    (model,) = of_type(json.loads(text), "machine-learning-model")
    artifact = parts.models[0].artifact
    assert model["name"] == HOSTILE
    assert model["version"] == artifact.digest
    assert model["hashes"] == [{"alg": "SHA-256", "content": artifact.files[0].digest.removeprefix("sha256:")}]
    assert [file["name"] for file in model["components"]] == ["iris.onnx"]
    said = properties(model)
    assert said["format"] == "onnx"
    assert said["allowed-to-run-code"] == digest
    assert [one["name"] for one in json.loads(said["signature"])["inputs"]] == ["float_input"]
    assert model["modelCard"]["modelParameters"]["inputs"] == [{"format": "float_input: float[-1,4]"}]


def test_equal_parts_give_equal_bytes_and_another_image_another_serial_number() -> None:
    parts = made_of()
    assert sbom(parts) == sbom(made_of())
    found = document(parts)
    assert uuid.UUID(found["serialNumber"]).version == 5
    assert "timestamp" not in found["metadata"]
    other = replace(parts, subject=replace(parts.subject, digest=f"sha256:{'f' * 64}"))
    assert document(other)["serialNumber"] != found["serialNumber"]
    assert document(replace(parts, created=315532800))["metadata"]["timestamp"] == "1980-01-01T00:00:00+00:00"


def test_the_image_depends_on_every_part_of_it_and_each_is_named_once() -> None:
    parts = made_of()
    found = document(parts)
    refs = [part["bom-ref"] for part in found["components"]]
    assert len(set(refs)) == len(refs)
    depends = {one["ref"]: one.get("dependsOn") for one in found["dependencies"]}
    assert depends.pop("image") == sorted(refs)
    assert set(depends) >= set(refs)
    # Two images of one runtime share parts, and neither has the other's model.
    other = document(replace(parts, models=(replace(parts.models[0], id="other"),)))
    assert [part["name"] for part in of_type(other, "machine-learning-model")] == ["other"]
    assert len(other["components"]) == len(refs)


def test_a_pushed_image_is_named_as_registries_do() -> None:
    parts = made_of()
    image = document(parts)["metadata"]["component"]
    assert image["purl"] == f"pkg:oci/iris@sha256:{'a' * 64}?repository_url=registry.example.com/p/iris&tag=1-abc"
    here = replace(parts, subject=replace(parts.subject, name="localhost:5000/iris", kind="config"))
    image = document(here)["metadata"]["component"]
    assert (image["name"], "purl" in image) == ("localhost:5000/iris", False)
