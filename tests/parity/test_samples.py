import json
from pathlib import Path
from typing import Any

import pytest

from migrate.core.errors import UsageError
from migrate.parity.samples import read_samples


def put(folder: Path, name: str, content: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def test_both_forms(tmp_path: Path) -> None:
    own = tmp_path / "churn"
    put(own, "a.json", {"request": {"x": 1}, "answer": {"y": 2.0}})
    put(own, "b.request.json", {"x": [1]})
    put(own, "b.answer.json", {"y": [2]})
    put(own, "c.json", {"request": {}, "answer": {"status": 400, "message": "Bad"}})
    put(own, "d.request.json", {"x": "only asked"})
    put(own, "e.json", {"request": {}, "answer": {"message": "m"}, "status": 418})
    put(own, "notes.txt", b"not a sample")
    put(tmp_path / "other", "z.json", b"not read")
    found = read_samples(tmp_path, "churn")
    assert [(one.name, one.request, one.answer, one.status, one.generated) for one in found] == [
        ("a", {"x": 1}, {"y": 2.0}, 200, False),
        ("b", {"x": [1]}, {"y": [2]}, 200, False),
        ("c", {}, {"status": 400, "message": "Bad"}, 400, False),
        ("d", {"x": "only asked"}, None, 200, False),
        ("e", {}, {"message": "m"}, 418, False),
    ]
    assert isinstance(found[0].answer["y"], float)  # type: ignore[index]


@pytest.mark.parametrize("model_id", ["", ".", "..", "../other", "a/b", "a\\b", "a\0b", "unknown", "/etc"])
def test_ids_that_are_no_folder_have_no_samples(tmp_path: Path, model_id: str) -> None:
    put(tmp_path / "in" / "x", "a.json", {"request": {}})
    put(tmp_path / "other", "a.json", {"request": {}})
    assert read_samples(tmp_path / "in", model_id) == ()


@pytest.mark.usefixtures("no_garbage")
@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.json", b"{", "not JSON"),
        ("a.json", b"\xff", "not JSON"),
        ("a.json", b"[" * 2000, "not JSON"),
        ("a.json", [1], "no JSON object"),
        ("a.json", {"x": 1}, '"request"'),
        ("a.json", {"request": [1]}, '"request"'),
        ("a.json", {"request": {}, "answer": [1]}, '"answer"'),
        ("a.json", {"request": {}, "status": "200"}, '"status"'),
        ("a.json", {"request": {}, "status": 99}, '"status"'),
        ("a.json", {"request": {}, "answer": {"status": "x", "message": "m"}}, '"status"'),
        ("a.answer.json", {}, "a.request.json"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, name: str, content: Any, why: str) -> None:
    put(tmp_path / "m", name, content)
    with pytest.raises(UsageError) as caught:
        read_samples(tmp_path, "m")
    assert why in caught.value.what
    assert name in caught.value.what
    assert "request" in caught.value.next_step


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "m" / "a.json").mkdir(parents=True)
    with pytest.raises(UsageError, match="cannot be read"):
        read_samples(tmp_path, "m")


def test_the_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a folder"):
        read_samples(tmp_path / "gone", "m")
