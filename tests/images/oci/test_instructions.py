import json
from typing import Any

import pytest

from migrate.core.values import Descriptor
from migrate.images.oci.blobs import LAYER_GZIP, LayerBlob
from migrate.images.oci.configuration import CREATED, configuration
from migrate.images.oci.instructions import Instruction, read_instructions
from migrate.images.runtime.dockerfile import Values, dockerfile
from migrate.images.runtime.templates import runtimes, template_of

DIGEST = "sha256:" + "a" * 64


def layer(mark: str) -> LayerBlob:
    digest = "sha256:" + mark * 64
    return LayerBlob(descriptor=Descriptor(media_type=LAYER_GZIP, digest=digest, size=1), diff_id=digest)


def base(**settings: Any) -> bytes:
    known = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer("0").diff_id]}}
    return json.dumps({**known, "config": settings, "container": "dropped"}).encode()


def configured(text: str, **settings: Any) -> dict[str, Any]:
    steps = read_instructions(text)
    copied = [layer(str(number)) for number, _ in enumerate((step for step in steps if step.name == "COPY"), start=1)]
    found: dict[str, Any] = json.loads(configuration(base(**settings), [layer("0")], steps, copied))
    return found


@pytest.mark.parametrize("runtime", runtimes())
def test_what_every_template_writes_is_understood(runtime: str) -> None:
    values = Values(
        stage="both",
        tool_version="1.0",
        base="python:3.11-slim-bookworm",
        artifacts=(DIGEST, DIGEST),
        model_layers=2,
        package_layers=("layer-engine", "layer-wheels"),
    )
    found = configured(dockerfile(template_of(runtime), values), Cmd=["python3"], Env=["PATH=/bin", "HOME=/root"])
    settings = found["config"]
    assert settings["Entrypoint"] == ["python3", "-m", "migrate.server", "/models"]
    assert "Cmd" not in settings
    assert settings["Env"][0] == "PATH=/bin"
    assert "HOME=/workspace" in settings["Env"]
    assert "HOME=/root" not in settings["Env"]
    assert (settings["User"], settings["WorkingDir"]) == ("42420:42420", "/workspace")
    assert settings["ExposedPorts"] == {"8080/tcp": {}}
    assert settings["Labels"] == {
        "org.opencontainers.image.title": "Model moved by mlserving-migrate",
        "mlserving-migrate.kind": "model",
        "mlserving-migrate.runtime": runtime,
        "mlserving-migrate.artifact": f"{DIGEST},{DIGEST}",
        "mlserving-migrate.version": "1.0",
    }
    copied = [step["created_by"] for step in found["history"] if not step.get("empty_layer")]
    assert copied == [
        "base image",
        "COPY layer-engine/ /",
        "COPY layer-wheels/ /",
        "COPY layer-server/ /",
        "COPY layer-settings/ /",
        "COPY layer-model-0/ /",
        "COPY layer-model-1/ /",
    ]
    assert len(copied) == len(found["rootfs"]["diff_ids"])
    assert found["created"] == CREATED
    assert "container" not in found


@pytest.mark.parametrize(
    "line",
    [
        "RUN true",
        "COPY layer-x /",
        "COPY ../x/ /",
        "COPY layer-x/ /opt/",
        "ENV A b",
        "ENV A=${B}",
        "ADD x /",
        "lower case",
        "FROM other",
    ],
)
def test_what_no_template_writes_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"not an instruction|not the stage"):
        read_instructions(f"FROM base AS first\n{line}\n")


def test_values_may_have_spaces_and_equal_signs() -> None:
    (step,) = read_instructions('# why\nFROM base\nLABEL a="b c" \\\n      d="e=f"\n')
    assert step == Instruction("LABEL", ("a=b c", "d=e=f"), 'LABEL a="b c" d="e=f"')


def test_a_configuration_of_other_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="other layers"):
        configuration(base(), [layer("1")], (), ())


def test_the_steps_of_the_base_stay_where_they_fit_its_layers() -> None:
    told = [{"created_by": "ADD rootfs"}, {"created_by": "CMD", "empty_layer": True}]
    known = {**json.loads(base()), "history": told}
    found = json.loads(configuration(json.dumps(known).encode(), [layer("0")], (), ()))
    assert found["history"] == told
