"""Everything later knows a model by its id: no listing holds one id twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from migrate.core.errors import UsageError
from migrate.core.values import Listing
from migrate.sources.listing import list_models
from migrate.sources.reference import parse_source


def model(name: str, path: str, **more: object) -> dict[str, Any]:
    parameters = {"framework": "onnx", "storagePath": path}
    return {
        "id": name, "version": 1, "apiStatus": "running", "versionStatus": "deployed",
        "workflowTemplate": "build-image", "workflowTemplateParameters": parameters, **more,
    }  # fmt: skip


def listed(folder: Path, *models: dict[str, Any]) -> Listing:
    namespace = {"id": "n", "container": "models", "containerId": "c", "region": "GRA"}
    file = folder / "inventory.json"
    file.write_text(json.dumps({"namespace": namespace, "models": models}))
    return list_models(parse_source(str(file)), None, lambda *_: None)


def test_two_models_of_one_id_are_refused_and_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        listed(tmp_path, model("a", "m0"), model("b", "m2"), model("a", "m1"))
    error = caught.value
    assert (error.code, error.exit_code) == ("same-id", 2)
    assert "two models are called a (models@GRA/m0, models@GRA/m1)." in error.what
    assert "called b" not in error.what


def test_they_are_told_apart_by_anything_else_too(tmp_path: Path) -> None:
    (tmp_path / "m0").mkdir()
    with pytest.raises(UsageError, match="3 models are called a") as caught:
        listed(tmp_path, model("a", "m0"), model("a", "m0", version=2), model("a", "m1"))
    assert f"({tmp_path / 'm0'}, models@GRA/m1)" in caught.value.what


def test_many_are_counted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="and so on for 15 more ids"):
        listed(tmp_path, *(model(f"m{number}", path) for number in range(20) for path in ("x", "y")))


def test_a_page_that_came_twice_is_read_once(tmp_path: Path) -> None:
    page = [model("a", "m0"), model("b", "m1")]
    assert [one.id for one in listed(tmp_path, *page, *page).models] == ["a", "b"]
