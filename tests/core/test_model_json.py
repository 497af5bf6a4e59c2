"""``model.json``: one form, declared in two places that cannot import one another."""

import inspect
import json
from typing import Any, get_args, get_origin

import msgspec
import pytest

from migrate.core import model_json
from migrate.core.model_json import Field, Index, ModelJson, OnnxSettings, content_of
from migrate.core.values import Inspection
from migrate.server import model as server


def structs_of(module: Any) -> dict[str, type[msgspec.Struct]]:
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, msgspec.Struct) and value.__module__ == module.__name__
    }


def type_text(kind: Any) -> str:
    """A type as text, without the module that declares its structs."""
    if get_origin(kind) is None:
        return kind.__name__ if inspect.isclass(kind) else str(kind)
    return f"{get_origin(kind)}[{', '.join(map(type_text, get_args(kind)))}]"


def form(kind: type[msgspec.Struct]) -> list[tuple[object, ...]]:
    return [
        (field.name, field.encode_name, type_text(field.type), field.default, field.default_factory)
        for field in msgspec.structs.fields(kind)
    ]


def test_the_servers_structs_are_the_tools() -> None:
    ours, theirs = structs_of(model_json), structs_of(server)
    extra = {"Model"} | {name for name in theirs if name.startswith("_")}
    assert set(theirs) - extra == set(ours)
    for name, kind in ours.items():
        assert form(kind) == form(theirs[name]), name
    assert model_json.SCHEMA == server.SCHEMA
    assert {"engine", "onnx", "flow", "schema"} <= {field.name for field in msgspec.structs.fields(ModelJson)}


def test_every_engine_that_has_an_object_has_it_under_its_name() -> None:
    from migrate.server.engines import _MODULES  # noqa: PLC0415

    own = {name for name, _, kind, *_ in form(ModelJson) if "Settings" in str(kind)}
    assert own <= set(_MODULES)


def test_a_description_says_what_every_engine_needs() -> None:
    columns = (Index("a", "float", index=0), Index("b", "float", key={"any": [1]}))
    made = content_of(
        ModelJson(
            engine="onnx",
            inputs=(Field("x", "float", (-1, 2), fields=columns), Field("s", "float", ())),
            outputs=(Field("y", "float"),),
            onnx=OnnxSettings(),
        )
    )
    assert made == {
        "schema": 1,
        "engine": "onnx",
        "entry": "",
        "files": "files",
        "manifest": False,
        "inputs": [
            {
                "name": "x",
                "type": "float",
                "shape": [-1, 2],
                "fields": [
                    {"name": "a", "type": "float", "index": 0, "key": None},
                    {"name": "b", "type": "float", "index": None, "key": {"any": [1]}},
                ],
            },
            {"name": "s", "type": "float", "shape": []},
        ],
        "outputs": [{"name": "y", "type": "float"}],
        "rolling_windows_size": 1,
        "onnx": {"zipmap": {}},
    }
    assert content_of(msgspec.convert(made, ModelJson)) == made


# What journals of earlier versions hold, whose settings were a plain JSON object.
OLD: dict[str, dict[str, Any]] = {
    "onnx": {
        "engine": "onnx",
        "entry": "iris.onnx",
        "inputs": [
            {
                "fields": [{"index": 0, "key": None, "name": "a", "type": "float"}],
                "name": "x",
                "shape": [-1, 1],
                "type": "float",
            }
        ],
        "onnx": {"rows_apart": True, "zipmap": {"p": {"labels": [0, 1]}}},
    },
    "tensorflow": {
        "engine": "tensorflow",
        "entry": "load.zip",
        "inputs": [{"name": "x", "shape": [-1], "type": "float"}],
        "rolling_windows_size": 2,
        "tensorflow": {
            "dtypes": {"x": "float32"},
            "root": "",
            "saved_model": "load.zip",
            "signature": "serving_default",
            "tags": ["serve"],
            "zip": True,
        },
    },
    "torchscript": {
        "engine": "torchscript",
        "entry": "a.ts",
        "inputs": [{"name": "x", "shape": [-1, 4], "type": "float"}],
        "rolling_windows_size": 0,
        "torchscript": {},
    },
    "pmml": {
        "engine": "pmml",
        "entry": "a.pmml",
        "inputs": [
            {
                "continuous_domain": [{"lowerBound": 0.0, "upperBound": None}],
                "name": "x",
                "shape": [-1],
                "type": "double",
                "values": ["1", "2"],
            }
        ],
        "pmml": {"sanitised": True},
    },
    "tokenizers": {
        "engine": "tokenizers",
        "entry": "tokenizer.json",
        "inputs": [{"name": "input1", "type": "string"}],
        "tokenizers": {"add_special_tokens": True},
    },
    "flow": {
        "engine": "flow",
        "entry": "manifest.json",
        "inputs": [{"continuousDomain": [{"lowerBound": 1.0, "upperBound": 2.0}], "name": "age", "type": "double"}],
        "flow": {
            "hidden": [{"name": "h", "type": "double"}],
            "steps": [
                {
                    "engine": "scaler",
                    "entry": "manifest.json",
                    "files": "files",
                    "inputs": [{"name": "age", "type": "double"}],
                    "manifest": True,
                    "outputs": [{"name": "y", "type": "double"}],
                    "rolling_windows_size": 1,
                    "scaler": {"mean_std_map": {"age": {"mean": 1.5, "std": 2.0}}},
                    "schema": 1,
                }
            ],
        },
    },
}


@pytest.mark.parametrize("name", OLD)
def test_what_earlier_journals_hold_is_read_and_means_the_same(name: str) -> None:
    rest = {"files": "files", "manifest": True, "rolling_windows_size": 1, "schema": 1}
    settings = {**rest, "outputs": [{"name": "y", "type": "float"}], **OLD[name]}
    text = json.dumps({"format": name, "runtime": name, "verdict": "ready", "settings": settings})
    read = msgspec.json.decode(text, type=Inspection)
    assert content_of(read.settings) == settings
    again = msgspec.json.decode(msgspec.json.encode(read), type=Inspection)
    assert again == read


def test_what_cannot_be_served_has_no_description() -> None:
    read = msgspec.json.decode(b'{"format": "onnx", "runtime": null, "verdict": "unreadable"}', type=Inspection)
    assert read.settings is model_json.NO_MODEL
    assert b"settings" not in msgspec.json.encode(read)
