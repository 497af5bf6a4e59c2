"""Files that were uploaded again are told from others without a download."""

from msgspec.structs import replace

from migrate.migration.look.look import look
from migrate.migration.look.same import has_digest
from tests.migration.look.shelf import Shelf, large_onnx, shelf
from tests.migration.runs import record

__all__ = ["shelf"]


def test_what_is_small_is_compared_by_its_bytes(shelf: Shelf) -> None:
    model = shelf.record({"m.onnx": large_onnx(1), "words.txt": b"one"})
    digest = shelf.fetch(model).digest
    shelf.record({"words.txt": b"one"})
    assert has_digest(shelf.run, model, digest)
    shelf.record({"words.txt": b"two"})
    assert not has_digest(shelf.run, model, digest)


def test_what_is_large_is_compared_by_what_the_storage_says(shelf: Shelf) -> None:
    model = shelf.record({"m.onnx": large_onnx()})
    artifact = shelf.fetch(model)
    shelf.run.journal.put("model:m", "fetch", "k", artifact)
    assert not has_digest(shelf.run, model, artifact.digest), "nobody has looked"
    shelf.record({"m.onnx": large_onnx()})
    shelf.run.looked["m"] = look(shelf.run, model)
    assert has_digest(shelf.run, model, artifact.digest)
    other = large_onnx()[:-1] + b"\0"
    shelf.record({"m.onnx": other})
    shelf.run.looked["m"] = look(shelf.run, model)
    assert not has_digest(shelf.run, model, artifact.digest)


def test_what_is_gone_is_not_the_same(shelf: Shelf) -> None:
    assert not has_digest(shelf.run, replace(record("m"), location=None), "sha256:0")
