"""External data: weights lie in files of the model's own folder, complete, or the model is refused."""

import os
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from migrate.core.errors import LocalError
from migrate.core.model_json import NO_MODEL
from migrate.core.values import Inspection
from migrate.formats import inspect
from migrate.formats.reading.files import inside
from tests.formats.models import FLOAT, artifact, graph, model, value, weights, write


def look(folder: Path, external: dict[str, str], files: dict[str, bytes] | None = None) -> Inspection:
    made = weights(external=external).SerializeToString()
    return inspect(write(folder, {"m.onnx": made} | (files or {})), framework=None)


def test_weights_beside_the_model_are_fine(tmp_path: Path) -> None:
    assert look(tmp_path, {"location": "w.bin"}, {"w.bin": bytes(16)}).verdict == "ready"
    external = {"location": "sub/w.bin", "offset": "8", "length": "16", "checksum": "0"}
    assert look(tmp_path, external, {"sub/w.bin": bytes(24)}).verdict == "ready"


@pytest.mark.parametrize(
    "location",
    [
        "../w.bin",
        "sub/../../w.bin",
        "/w.bin",
        "",
        ".",
        "..",
        "//w.bin",
        "C:\\w.bin",
        "file:///w.bin",
        "*/w.bin",
        "w.bin\n",
        "w\0.bin",
        "w" * 2000,
    ],
)
def test_locations_outside_are_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(16))
    found = look(tmp_path / "m", {"location": location, "offset": "0", "length": "16"}, {"x.bin": b""})
    assert found.verdict == "unreadable"
    assert found.reason in ("external-data-outside", "external-data-missing")
    assert found.settings is NO_MODEL


def test_a_file_that_vanishes_meanwhile_is_an_error_of_this_machine(tmp_path: Path) -> None:
    files = {"m.onnx": weights(external={"location": "sub/w.bin"}).SerializeToString(), "sub/w.bin": bytes(16)}
    made = write(tmp_path, files)
    (tmp_path / "sub" / "w.bin").unlink()
    with pytest.raises(LocalError, match="cannot be read"):
        inspect(made, framework=None)


def test_a_location_that_is_missing_entirely_is_refused(tmp_path: Path) -> None:
    assert look(tmp_path, {"offset": "0"}).reason == "external-data-outside"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    found = look(tmp_path, {"location": "w.bin"})
    assert found.reason == "external-data-missing"
    assert '"w.bin"' in found.text
    assert '"w.bin"' in found.task


@pytest.mark.parametrize("link", ["sub/w.bin", "sub"])
def test_symbolic_links_are_refused(tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    write(outside, {"sub/w.bin": bytes(16)})
    folder = tmp_path / "m"
    files = {"m.onnx": weights(external={"location": "sub/w.bin"}).SerializeToString(), "sub/w.bin": bytes(16)}
    made = write(folder, files)
    assert inspect(made, framework=None).verdict == "ready"
    (folder / "sub" / "w.bin").unlink()
    if link == "sub":
        (folder / "sub").rmdir()
    (folder / link).symlink_to(outside / link)
    with pytest.raises(LocalError, match=r"w\.bin.* symbolic link"):
        inspect(made, framework=None)


def test_hard_links_are_refused(tmp_path: Path) -> None:
    outside = tmp_path / "kept.bin"
    outside.write_bytes(bytes(16))
    folder = tmp_path / "m"
    write(folder, {"m.onnx": weights(external={"location": "w.bin"}).SerializeToString()})
    os.link(outside, folder / "w.bin")
    found = inspect(artifact(folder), framework=None)
    assert (found.verdict, found.reason) == ("unreadable", "external-data-outside")


@pytest.mark.parametrize(
    ("offset", "length", "size", "reason"),
    [
        ("0", "16", 15, "external-data-truncated"),
        ("1", "16", 16, "external-data-truncated"),
        ("99999999999999999", "16", 16, "external-data-truncated"),
        ("0", "12", 16, "corrupt"),  # not what the shape needs
        ("-1", "16", 16, "corrupt"),
        ("0", "-16", 16, "corrupt"),
        ("1e9", "16", 16, "corrupt"),
        ("0x10", "16", 16, "corrupt"),
        ("9" * 40, "16", 16, "corrupt"),
        ("", "16", 16, "corrupt"),
        ("\N{ARABIC-INDIC DIGIT ONE}", "16", 16, "corrupt"),
    ],
)
def test_offsets_and_lengths_lie_in_the_file(tmp_path: Path, offset: str, length: str, size: int, reason: str) -> None:
    found = look(tmp_path, {"location": "w.bin", "offset": offset, "length": length}, {"w.bin": bytes(size)})
    assert (found.verdict, found.reason) == ("unreadable", reason)


def test_texts_are_never_external(tmp_path: Path) -> None:
    made = weights(external={"location": "w.bin"})
    made.graph.initializer[0].data_type = TensorProto.STRING
    found = inspect(write(tmp_path, {"m.onnx": made.SerializeToString(), "w.bin": bytes(16)}), framework=None)
    assert found.verdict == "unreadable"


@pytest.mark.parametrize("place", ["attribute", "subgraph", "sparse", "function"])
def test_external_tensors_are_found_wherever_they_hide(tmp_path: Path, place: str) -> None:
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../kept.bin")
    constant = helper.make_node("Constant", [], ["c"])
    constant.attribute.append(helper.make_attribute("value", tensor))
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    made = model(graph(nodes, [value("x")], [value("y")]))
    if place == "attribute":
        made.graph.node.append(constant)
    elif place == "subgraph":
        branch = helper.make_graph([constant], "b", [], [value("c")])
        made.graph.node.append(helper.make_node("If", ["x"], ["z"], then_branch=branch, else_branch=branch))
    elif place == "sparse":
        made.graph.sparse_initializer.add().values.CopyFrom(tensor)
    else:
        made.functions.append(helper.make_function("own", "F", [], ["c"], [constant], [helper.make_opsetid("", 13)]))
    found = inspect(write(tmp_path, {"m.onnx": made.SerializeToString()}), framework=None)
    assert found.reason == "external-data-outside"


def test_a_location_without_the_flag_is_still_followed_nowhere(tmp_path: Path) -> None:
    made = weights(external={"location": "../kept.bin"})
    made.graph.initializer[0].ClearField("data_location")
    found = inspect(write(tmp_path, {"m.onnx": made.SerializeToString()}), framework=None)
    assert found.reason == "external-data-outside"


def test_plain_paths() -> None:
    assert inside("a/./b") == "a/b"
    assert inside("./a") == "a"
    assert inside("weights é.bin") == "weights é.bin"
    assert inside("a/../b") is None
