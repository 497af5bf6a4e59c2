from pathlib import Path

import pytest

import migrate
from migrate.core.errors import UsageError
from migrate.images.runtime import templates
from migrate.images.runtime.templates import runtimes, template_of, templates_folder


@pytest.mark.parametrize("runtime", runtimes())
def test_a_runtime_has_its_three_files(runtime: str) -> None:
    folder = templates_folder() / runtime
    assert {path.name for path in folder.iterdir()} == {"Dockerfile.j2", "requirements.in", "requirements.lock"}


@pytest.mark.parametrize("runtime", runtimes())
def test_every_line_of_a_lock_has_a_hash_and_none_names_a_host(runtime: str) -> None:
    text = template_of(runtime).locks[0].read_text()
    packages = [block for block in text.replace("\\\n", " ").splitlines() if block.strip()]
    assert packages
    assert all("==" in block and "--hash=sha256:" in block for block in packages)
    assert "://" not in text


def test_the_converter_adds_packages_of_the_versions_that_the_runtimes_have() -> None:
    text = (templates_folder() / "convert/requirements.lock").read_text()
    pinned = {line.split()[0] for line in text.splitlines() if "==" in line}
    assert {line.partition("==")[0] for line in pinned} >= {"onnx", "tf2onnx"}
    assert text.count("==") <= text.count("--hash=sha256:")
    assert "://" not in text
    for runtime in ("tensorflow", "keras", "torch"):
        has = {line.split()[0] for line in template_of(runtime).locks[0].read_text().splitlines() if "==" in line}
        names = {line.partition("==")[0] for line in has}
        assert {line for line in pinned if line.partition("==")[0] in names} <= has


def test_the_folder_inside_an_installed_package_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert templates_folder() == Path(migrate.__file__).resolve().parents[1] / "dockerfile_templates"
    package = tmp_path / "migrate"
    inside = package / "dockerfile_templates/onnx"
    inside.mkdir(parents=True)
    inside.joinpath("Dockerfile.j2").write_text("")
    monkeypatch.setattr(migrate, "__file__", str(package / "__init__.py"))
    assert templates.templates_folder() == package / "dockerfile_templates"
    assert templates.runtimes() == ("onnx",)


def test_the_digest_covers_template_and_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "migrate/dockerfile_templates/onnx"
    folder.mkdir(parents=True)
    monkeypatch.setattr(migrate, "__file__", str(tmp_path / "migrate/__init__.py"))
    digests = set()
    for dockerfile, lock in (("a", "b"), ("a", "c"), ("ab", ""), ("", "ab")):
        folder.joinpath("Dockerfile.j2").write_text(dockerfile)
        folder.joinpath("requirements.lock").write_text(lock)
        digests.add(template_of("onnx").digest)
    assert len(digests) == 4


def test_several_runtimes_have_the_locks_of_each() -> None:
    joined = template_of("onnx+tokenizers")
    assert joined.locks == (*template_of("onnx").locks, *template_of("tokenizers").locks)
    assert joined.dockerfile.name == templates.SHARED
    for wrong in ("tokenizers+onnx", "onnx+onnx", "onnx+", "onnx+nothing"):
        with pytest.raises(UsageError):
            template_of(wrong)


def test_locks_pin_the_same_version_of_what_they_share() -> None:
    pins: dict[str, set[str]] = {}
    # No flow has a step of fastai, and fastai27 is there because the two cannot be together.
    for runtime in set(runtimes()) - {"fastai27"}:
        for line in template_of(runtime).locks[0].read_text().splitlines():
            if "==" in line:
                name, _, rest = line.removesuffix("\\").strip().partition("==")
                version, _, marker = rest.partition(";")
                pins.setdefault(f"{name};{marker.strip()}", set()).add(version.strip())
    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}
