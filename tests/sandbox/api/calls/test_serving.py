"""ML Serving, and its absence."""

from collections.abc import Callable
from typing import Any

import pytest
from ovh import exceptions

from migrate.sandbox import control


def test_a_namespace_with_its_models(box: Any) -> None:
    client = box.client()
    namespace = client.get(box.path("/ai/serving"))[0]
    base = box.path(f"/ai/serving/{namespace['id']}")
    assert client.get(base) == namespace
    models = client.get(f"{base}/model")
    assert {"iris", "titanic", "digits", "housing", "broken"} <= {model["id"] for model in models}
    for model in models:
        assert client.get(f"{base}/model/{model['id']}") == model
        deployed = model["versionStatus"] == "deployed"
        assert model["url"] == (f"{namespace['url']}/{model['id']}" if deployed else None)
    storage = client.get(box.path(f"/storage/{namespace['containerId']}"), prefix="iris/")
    assert storage["name"] == namespace["container"]
    assert [item["name"] for item in storage["objects"]] == ["iris/iris.onnx"]


def test_a_namespace_of_every_format(box: Any) -> None:
    client = box.client()
    first, second = client.get(box.path("/ai/serving"))
    assert first["id"] != second["id"]
    assert first["containerId"] != second["containerId"]
    models = {model["id"]: model for model in client.get(box.path(f"/ai/serving/{second['id']}/model"))}
    assert {model["versionStatus"] for model in models.values()} == {"deployed"}
    answering = {name for name, model in models.items() if model["url"] is not None}
    assert answering == {"ages-scaler", "dates", "price-interval"}
    preset = models["sentiment-preset"]["workflowTemplateParameters"]
    images = client.get(box.path("/ai/capabilities/serving/presetImage"))
    assert [image["id"] for image in images] == [preset["imageId"]]
    frameworks = {item["id"] for item in client.get(box.path("/ai/capabilities/serving/framework"))}
    assert {model["workflowTemplateParameters"]["framework"] for model in models.values()} == frameworks - {"onnx"} | {
        None
    }
    storage = client.get(box.path(f"/storage/{second['containerId']}"))
    names = {item["name"] for item in storage["objects"]}
    for model in models.values():
        path = model["workflowTemplateParameters"]["storagePath"]
        assert path is None or path in names or any(name.startswith(f"{path}/") for name in names)


def test_tokens_show_no_value(box: Any) -> None:
    client = box.client()
    namespace = client.get(box.path("/ai/serving"))[0]
    tokens = client.get(box.path(f"/ai/serving/{namespace['id']}/token"))
    assert tokens
    assert {token["token"] for token in tokens} == {None}
    assert client.get(box.path(f"/ai/serving/{namespace['id']}/token/{tokens[0]['id']}")) == tokens[0]


def test_the_rest_of_a_namespace(box: Any) -> None:
    client = box.client()
    namespace = client.get(box.path("/ai/serving"))[0]
    base = box.path(f"/ai/serving/{namespace['id']}")
    assert client.get(f"{base}/registry")["custom"] is False
    assert client.get(f"{base}/metrics")["endpoints"]
    flavors = {flavor["id"] for flavor in client.get(box.path("/ai/capabilities/serving/flavor"))}
    assert {model["flavor"] for model in client.get(f"{base}/model")} - {None} <= flavors
    for kind in ("backend", "feature", "framework", "presetImage", "region"):
        client.get(box.path(f"/ai/capabilities/serving/{kind}"))


@pytest.mark.parametrize("rest", ["", "/model", "/token", "/registry", "/metrics"])
def test_an_unknown_namespace(box: Any, rest: str) -> None:
    with pytest.raises(exceptions.ResourceNotFoundError, match="This namespace does not exist"):
        box.client().get(box.path(f"/ai/serving/nobody{rest}"))


def test_serving_is_gone(box: Any, new_box: Callable[..., Any]) -> None:
    client = box.client()
    fault = control.fail(box.folder, "serving-gone")
    for path in ("/ai/serving", "/ai/capabilities/serving/flavor"):
        with pytest.raises(exceptions.ResourceNotFoundError, match=r"Got an invalid \(or empty\) URL"):
            client.get(box.path(path))
    assert client.get(box.path("/storage"))
    assert control.release(box.folder, fault) == 1
    assert client.get(box.path("/ai/serving"))

    other = new_box(serving=False)
    with pytest.raises(exceptions.ResourceNotFoundError, match=r"Got an invalid \(or empty\) URL"):
        other.client().get(other.path("/ai/serving"))


def test_without_samples_there_is_no_namespace(new_box: Callable[..., Any]) -> None:
    box = new_box()
    assert box.client().get(box.path("/ai/serving")) == []
    assert box.client().get(box.path("/storage")) == []
