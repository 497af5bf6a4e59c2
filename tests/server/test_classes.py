"""The classes of a ZipMap's columns: told where a client could not know them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto

from tests.formats.models import zipmap
from tests.server import models
from tests.server.process import Server, running

LABELS: dict[str, list[int] | list[str]] = {"words": ["no", "yes <1>"], "numbers": [3, 7], "places": [0, 1]}


def write(folder: Path, labels: Sequence[int] | Sequence[str], **onnx: Any) -> None:
    columns = [models.field("x", TensorProto.FLOAT, [-1, 2])]
    outputs = [models.field("y", TensorProto.FLOAT, [-1, 2])]
    models.write_model(folder, zipmap(labels).graph, inputs=columns, outputs=outputs, onnx=onnx)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("models")
    for name, labels in LABELS.items():
        write(root / name, labels, zipmap={"y": {"labels": labels}})
        write(root / f"untold-{name}", labels)  # the server sees them itself
    with running(root, tmp_path_factory.mktemp("log") / "log") as found:
        yield found


@pytest.mark.parametrize("prefix", ["", "untold-"])
@pytest.mark.parametrize("name", LABELS)
def test_they_are_described_and_on_the_page(server: Server, name: str, prefix: str) -> None:
    base = f"/{prefix}{name}"
    assert server.eval({"x": [[0.25, 0.75]]}, f"{base}/eval").json() == {"y": [0.25, 0.75]}
    (output,) = server.call("GET", f"{base}/describe").json()["outputs"]
    expected = {"name": "y", "type": "float", "shape": [-1, 2]}
    # The old runtime answered the last one only, and described it without.
    assert output == (expected if name == "places" else {**expected, "labels": LABELS[name]})
    page = server.call("GET", f"{base}/").body.decode()
    shown = {"words": "<code>no</code>, <code>yes &lt;1&gt;</code>", "numbers": "<code>3</code>, <code>7</code>"}
    assert shown.get(name, "<code>0</code>, <code>1</code>") in page
