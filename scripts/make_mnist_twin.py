"""Make an ONNX twin of the golden mnist model's signature, and the golden cases that its weights do not decide.

    python scripts/make_mnist_twin.py GOLDEN OUT

OUT becomes a folder of the same form as GOLDEN. The twin takes the same image tensor and gives the same four outputs;
whatever the image, its logits are those that the golden answer shows, so that every byte of a rendered answer can be
compared although the weights belong to a model of another runtime.
"""

import argparse
import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TWIN = "onnx_mnist_twin"
ORIGINAL = "_models/tf_mnist"
# Its answer is another digit than the twin's.
DECIDED_BY_WEIGHTS = {"mnist_it_eval7_png"}


def golden_logits(golden: Path) -> list[float]:
    """The logits in the golden HTML answer."""
    html = (golden / "mnist_it_eval0_html" / "expected.html").read_text(encoding="utf-8")
    found = re.search(r"<h1>logits</h1><ul>(.*?)</ul>", html)
    if found is None:
        raise SystemExit("the golden HTML answer has no logits")
    return [float(text) for text in re.findall(r"<li>([^<]*)</li>", found[1])]


def twin_model(logits: list[float]) -> onnx.ModelProto:
    """A model image [-1,-1,-1,1] -> class_ids, classes, logits, probabilities."""
    constants = [
        numpy_helper.from_array(np.array(logits, np.float32), "known_logits"),
        numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes"),
        numpy_helper.from_array(np.array([[0]], np.float32), "zero"),
        numpy_helper.from_array(np.array([-1, 1], np.int64), "column"),
        helper.make_tensor("names", TensorProto.STRING, [10], [str(digit).encode() for digit in range(10)]),
    ]
    nodes = [
        helper.make_node("ReduceSum", ["image", "axes"], ["summed"], keepdims=0),
        helper.make_node("Reshape", ["summed", "column"], ["rows"]),
        helper.make_node("Mul", ["rows", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "known_logits"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
        helper.make_node("ArgMax", ["logits"], ["class_ids"], axis=1, keepdims=1),
        helper.make_node("Gather", ["names", "class_ids"], ["classes"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mnist_twin",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", "h", "w", 1])],
        [
            helper.make_tensor_value_info("class_ids", TensorProto.INT64, ["n", 1]),
            helper.make_tensor_value_info("classes", TensorProto.STRING, ["n", 1]),
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 10]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 10]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def make_twin(golden: Path, out: Path) -> list[dict[str, object]]:
    """Write the twin and its cases; returns the cases."""
    folder = out / "_models" / TWIN
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(twin_model(golden_logits(golden)), folder / "mnist.onnx")
    cases = []
    for case in json.loads((golden / "index.json").read_text(encoding="utf-8")):
        if case["model_dir"] != ORIGINAL or case["case"] in DECIDED_BY_WEIGHTS:
            continue
        source = golden / case["case"]
        if source.is_dir():
            shutil.copytree(source, out / case["case"], dirs_exist_ok=True)
        cases.append({**case, "model_dir": f"_models/{TWIN}", "model_files": ["mnist.onnx"]})
    (out / "index.json").write_text(json.dumps(cases, indent=1))
    return cases


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    print(f"{len(make_twin(options.golden, options.out))} cases in {options.out}")
