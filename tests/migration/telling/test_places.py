"""What `migrate list` shows of a project."""

from pathlib import Path

from migrate.migration.run.workspace import Workspace
from migrate.migration.telling.places import list_places
from migrate.sandbox import control
from tests.clouds import sandbox, started
from tests.sources.storing import put

__all__ = ["sandbox", "started"]


def test_containers_and_buckets_are_named_as_they_are_typed(sandbox: Path, tmp_path: Path) -> None:
    put(sandbox, tmp_path, {"a.onnx": b"1"}, "both")
    put(sandbox, tmp_path, {"a.onnx": b"22"}, "both", s3=True)
    put(sandbox, tmp_path, {"a.onnx": b"333"}, "shelf", s3=True, region="SBG")
    environ = {"HOME": "/nonexistent", **control.env(sandbox)}
    found = list_places(Workspace(tmp_path), project=None, environ=environ)
    places = {(place.kind, place.source): place.size for place in found.places if place.kind != "namespace"}
    assert {("container", "swift:both@GRA"): 1, ("bucket", "s3:both@GRA"): 2, ("bucket", "shelf@SBG"): 3}.items() <= (
        places.items()
    )
    assert ("container", "models@GRA") in places
    assert found.buckets == ""
