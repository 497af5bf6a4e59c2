"""JPMML serves PMML only where the user accepts its licence, and each engine's refusal names the other."""

from pathlib import Path

import pytest

from migrate.core.errors import NeedsYouError
from migrate.core.model_json import content_of
from migrate.core.options.sources import RunOptions
from migrate.formats.inspect import inspect
from migrate.images.runtime.templates import runtimes, template_of
from migrate.migration.run.licences import naming_the_other, planned, served_by, under_licences
from tests.formats.models import artifact
from tests.migration.folders import read

FORMATS = Path(__file__).parents[3] / "examples" / "formats"


@pytest.mark.parametrize("model_id", sorted(path.name for path in FORMATS.iterdir()))
def test_only_pmml_has_another_engine_and_only_when_its_licence_is_accepted(model_id: str) -> None:
    found = inspect(artifact(FORMATS / model_id), framework=None)
    free, accepted = (under_licences(found, accept_agpl=accept) for accept in (False, True))
    assert (free.runtime, free.settings) == (found.runtime, found.settings)
    if found.format != "pmml":
        assert free == accepted == found
        return
    assert free.notes[-1] == "served by PMML4S, which is licensed under Apache-2.0"
    assert (accepted.runtime, accepted.settings.engine) == ("jpmml", "jpmml")
    one, other = content_of(accepted.settings), content_of(found.settings)
    assert one.pop("jpmml") == other.pop("pmml")
    assert one | {"engine": "pmml"} == other
    assert "licensed under AGPL-3.0" in accepted.notes[-1]


def test_the_package_is_in_the_lock_of_no_other_runtime() -> None:
    having = {name for name in runtimes() if "jpmml" in template_of(name).locks[0].read_text()}
    assert having == {"jpmml"}


def test_a_folder_is_read_under_the_licence_that_was_accepted(tmp_path: Path) -> None:
    for accept, runtime in ((False, "pmml"), (True, "jpmml")):
        (model,), _ = read(FORMATS / "species-tree", tmp_path, accept_agpl=accept)
        inspection = model.inspection.value
        assert inspection.runtime == runtime
        assert served_by(runtime) == inspection.notes[-1]
        assert planned("pmml", accept_agpl=accept) == inspection.notes[-1:]
    assert planned("onnx", accept_agpl=True) == ()


def test_the_command_that_goes_on_accepts_it_again() -> None:
    assert "--accept-agpl" not in RunOptions(source="models@GRA").again()
    assert RunOptions(source="models@GRA", accept_agpl=True, adopt=True).again().endswith("--accept-agpl --adopt")


@pytest.mark.parametrize(
    ("runtime", "code", "expected"),
    [
        ("pmml", "rehearsal-failed", "Try --accept-agpl: PMML is then served by JPMML, which is licensed under AGPL"),
        ("pmml", "reference-failed", "Try --accept-agpl"),
        ("jpmml", "rehearsal-failed", "Leave out --accept-agpl"),
        ("pmml", "out-of-memory", "more memory"),
        ("onnx", "rehearsal-failed", "more memory"),
    ],
)
def test_an_engine_that_does_not_load_a_file_names_the_other(runtime: str, code: str, expected: str) -> None:
    with pytest.raises(NeedsYouError) as raised, naming_the_other(runtime):
        raise NeedsYouError("It ended.", code=code, next_step="more memory")
    assert (raised.value.what, raised.value.code) == ("It ended.", code)
    assert expected in raised.value.next_step
