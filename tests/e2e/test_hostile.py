"""A model that takes long or does not load: a verdict on that model alone, also in one app, and Ctrl-C is heard."""

import json
import platform
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.e2e.harness import ROOT, Tool, ending
from tests.waiting import wait_until


def write_slow(path: Path) -> None:
    """A model whose loop takes some minutes for a row; it has the input and the output of a good one."""
    shape = ["N", 1]
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["goes"]), helper.make_node("Neg", ["v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, shape),
        ],
        [
            helper.make_tensor_value_info("goes", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, shape),
        ],
    )
    constants = [
        numpy_helper.from_array(np.array(200_000_000, np.int64), "most"),
        numpy_helper.from_array(np.array(True), "yes"),
    ]
    graph = helper.make_graph(
        [helper.make_node("Loop", ["most", "yes", "x"], ["y"], body=body)],
        "slow",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.parent.mkdir(parents=True)
    onnx.save(model, path)


def write_contradiction(path: Path) -> None:
    """A model whose file is sound, and which the engine refuses to load: it multiplies what does not fit."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "contradiction",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(np.ones((3, 2), np.float32), "w")],
    )
    path.parent.mkdir(parents=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


@pytest.mark.slow
def test_a_model_that_does_not_load_is_no_other_models_failure(tool: Tool, tmp_path: Path) -> None:
    folder, samples = tmp_path / "mixed", tmp_path / "samples"
    shutil.copytree(ROOT / "examples/models/iris", folder / "iris")
    write_contradiction(folder / "contradiction/model.onnx")
    # With answers of the customer's own the engine is not called directly, so the rehearsal is the first to load it.
    (samples / "contradiction").mkdir(parents=True)
    answers = {"request": {"x": [1.0]}, "answer": {"y": [1.0, 1.0]}}
    (samples / "contradiction/one.json").write_text(json.dumps(answers))
    ended = tool.run(str(folder), "--layout", "packed", "--samples", str(samples))

    assert ended.code == 4, ended.err
    good, bad = ended.outcomes["iris"], ended.outcomes["contradiction"]
    assert (good["outcome"], good.get("proof")) == ("done", "engine"), good
    assert (bad["outcome"], bad["reason"], bad["exit_code"]) == ("needs-you", "rehearsal-failed", 4)
    assert bad["task"]
    (app,) = tool.sandbox.left()["apps"]
    assert app["status"]["state"] == "RUNNING"
    story = tool("why", str(folder), "contradiction")
    assert story.code == 0
    assert "the server's log: " in story.out
    assert "listening" in story.out


def test_a_run_that_waits_for_a_slow_model_is_stopped_at_once(tool: Tool, tmp_path: Path) -> None:
    write_slow(tmp_path / "mixed/slow/model.onnx")
    process = tool.start("run", str(tmp_path / "mixed"), "--yes", "--authorize", "--json")
    with ending(process):
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if (event["event"], event.get("step")) == ("step-started", "record"):
                break
        label = f"label=mlserving-migrate.process={platform.node()}:{process.pid}"
        running = ["docker", "ps", "--quiet", "--filter", label]
        wait_until(lambda: subprocess.run(running, capture_output=True, check=True).stdout, "the model is not loaded")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)  # the limit for the model is 300 seconds
    assert process.returncode == 130, err
    (outcome,) = json.loads(out.splitlines()[-1])["models"]
    assert (outcome["outcome"], outcome["reason"]) == ("skipped", "interrupted")
