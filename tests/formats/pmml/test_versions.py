"""Every version of PMML from 3.0 to 4.4 is recognised, with what its engines are told of it; others are refused."""

from pathlib import Path

import pytest

from migrate.core.model_json import content_of
from migrate.formats.inspect import inspect
from tests.formats.models import artifact
from tests.server.pmml_models import VERSION_SETTINGS, VERSIONS, version_text


@pytest.mark.parametrize("namespace", [True, False])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_is_recognised(tmp_path: Path, version: str, namespace: bool) -> None:
    (tmp_path / "model.pmml").write_text(version_text(version, namespace=namespace))
    found = inspect(artifact(tmp_path), framework=None)
    assert (found.verdict, found.format, found.runtime) == ("ready", "pmml", "pmml")
    for side in ("inputs", "outputs"):
        told = [(one["name"], one["type"], one["shape"]) for one in content_of(found.settings)[side]]
        assert told == [(one["name"], one["type"], one["shape"]) for one in VERSION_SETTINGS[side]]


@pytest.mark.parametrize("version", ["2.1", "4.5", "5.0", "x"])
def test_another_version_is_unsupported(tmp_path: Path, version: str) -> None:
    (tmp_path / "model.pmml").write_text(version_text(version, namespace=False))
    found = inspect(artifact(tmp_path), framework=None)
    assert (found.verdict, found.reason) == ("unsupported", "unsupported-pmml")
    assert "3.0 to 4.4" in found.text
