import re

import jinja2
import pytest

from migrate.core.errors import UsageError
from migrate.images.runtime.dockerfile import Values, dockerfile
from migrate.images.runtime.templates import runtimes, template_of

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize("runtime", runtimes())
def test_the_two_stages_together_are_the_stages_apart(runtime: str) -> None:
    template = template_of(runtime)
    base = "python:3.11-slim-bookworm"
    first = dockerfile(template, Values(stage="runtime", tool_version="1.0", base=base))
    second = dockerfile(
        template,
        Values(stage="model", tool_version="1.0", runtime_reference="r:1", artifacts=(DIGEST,), model_layers=2),
    )
    both = dockerfile(
        template, Values(stage="both", tool_version="1.0", base=base, artifacts=(DIGEST,), model_layers=2)
    )
    assert second.startswith("ARG RUNTIME=r:1\nFROM ${RUNTIME}\n")
    alone = second.replace("ARG RUNTIME=r:1\nFROM ${RUNTIME}\n", "FROM runtime\n")
    assert [line for line in both.splitlines() if line] == [line for line in (first + alone).splitlines() if line]


@pytest.mark.parametrize("runtime", runtimes())
def test_nothing_is_run_and_nothing_is_fetched(runtime: str) -> None:
    text = dockerfile(
        template_of(runtime),
        Values(stage="both", tool_version="1.0", base="b:1", artifacts=(DIGEST,), model_layers=1),
    )
    words = {line.split()[0] for line in text.splitlines() if re.match(r"[A-Z]", line)}
    assert words <= {"ARG", "FROM", "COPY", "ENV", "LABEL", "WORKDIR", "USER", "EXPOSE", "ENTRYPOINT"}
    assert "USER 42420:42420" in text
    assert "HOME=/workspace" in text
    assert 'ENTRYPOINT ["python3", "-m", "migrate.server", "/models"]' in text


@pytest.mark.parametrize(
    "hostile", ['b:1"\nRUN nowhere', "b:1 AS x", "${HOME}", "b\n", "", "{{ 7*7 }}", "a" * 600, "B:1", "ä:1"]
)
def test_a_base_that_is_no_reference_never_gets_into_the_text(hostile: str) -> None:
    with pytest.raises(UsageError) as error:
        dockerfile(template_of("onnx"), Values(stage="runtime", tool_version="1.0", base=hostile))
    assert error.value.code == "bad-reference"
    with pytest.raises(UsageError):
        dockerfile(template_of("onnx"), Values(stage="model", tool_version="1.0", runtime_reference=hostile))


@pytest.mark.parametrize("artifact", ["sha256:1", f'{DIGEST}"\nRUN nowhere', f"{DIGEST}\n"])
def test_what_is_no_digest_never_gets_into_the_text(artifact: str) -> None:
    values = Values(stage="model", tool_version="1.0", runtime_reference="r:1", artifacts=(artifact,), model_layers=1)
    with pytest.raises(ValueError, match="not a digest"):
        dockerfile(template_of("onnx"), values)


def test_a_version_is_a_version() -> None:
    with pytest.raises(ValueError, match="not a version"):
        dockerfile(template_of("onnx"), Values(stage="runtime", tool_version="1\nRUN nowhere", base="b:1"))
    with pytest.raises(ValueError, match="not the layers of packages"):
        dockerfile(
            template_of("onnx"),
            Values(stage="runtime", tool_version="1", base="b:1", package_layers=("layer-wheels/ /\nRUN nowhere #",)),
        )


def test_a_misspelt_name_in_a_template_is_an_error_not_an_empty_text(tmp_path_factory: pytest.TempPathFactory) -> None:
    template = template_of("onnx")
    broken = tmp_path_factory.mktemp("t") / "Dockerfile.j2"
    broken.write_text("FROM {{ bass }}\n")
    changed = type(template)(runtime="onnx", dockerfile=broken, locks=template.locks, digest=template.digest)
    with pytest.raises(jinja2.UndefinedError):
        dockerfile(changed, Values(stage="runtime", tool_version="1.0", base="b:1"))


def test_an_unknown_runtime_names_the_known_ones() -> None:
    with pytest.raises(UsageError) as error:
        template_of("../onnx")
    assert error.value.code == "unknown-runtime"
    assert "onnx" in error.value.next_step
