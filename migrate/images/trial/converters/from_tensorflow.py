"""SavedModels and Keras models to ONNX: the served graph, frozen, with the names and types of ``/describe``.

The script stands alone: it is copied into a container of the model's runtime, beside the packages of ``convert``.
"""

import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tensorflow  # noqa: ICN001 - see below
import tf2onnx
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow.python.grappler import tf_optimizer

# The packages do not declare what they export.
tf: Any = tensorflow
converter: Any = tf2onnx.convert

OPSET: Final = 17
KEPT: Final[list[Any]] = []  # functions do not keep their variables alive
DTYPES: Final = {
    "float": tf.float32,
    "double": tf.float64,
    "integer": tf.int32,
    "long": tf.int64,
    "boolean": tf.bool,
    "string": tf.string,
}
# Kernels of Keras's convolutions, which come first among a layer's weights.
TURNED: Final = {"Conv1D": 1, "Conv2D": 1, "Conv3D": 1, "Conv2DTranspose": 1, "ConvLSTM2D": 2}
# What the server reads as this word without a conversion.
FOLDED: Final = {
    "float": {tf.float32, tf.float16},
    "double": {tf.float64},
    "integer": {tf.int32, tf.int16, tf.int8, tf.uint16, tf.uint8, tf.uint32},
    "long": {tf.int64, tf.uint64},
    "boolean": {tf.bool},
    "string": {tf.string},
}


def saved_model(model: Mapping[str, Any], files: Path) -> tuple[Any, Any]:
    """The served signature of a SavedModel.

    Returns:
        A function from tensors by input name to tensors by output name, and what it takes by input name.
    """
    options = model["tensorflow"]
    graph = tf.Graph()
    # The loader of TensorFlow 1, as in the server: it knows all variables, and runs nothing that no signature reaches.
    with (
        unpacked(files / options["saved_model"], options.get("root", "")) as folder,
        tf.compat.v1.Session(graph=graph) as session,
    ):
        meta = tf.compat.v1.saved_model.load(session, list(options["tags"]), str(folder))
        signature = meta.signature_def[options["signature"]]
        targets = {field["name"]: signature.outputs[field["name"]].name for field in model["outputs"]}
        nodes = list(dict.fromkeys(name.partition(":")[0] for name in targets.values()))
        sources = {name: graph.get_tensor_by_name(info.name) for name, info in signature.inputs.items()}
        whole = inlined(graph, [*(source.name for source in sources.values()), *targets.values()])
        frozen = tf.compat.v1.graph_util.convert_variables_to_constants(session, whole, nodes)

    def function(feeds: Mapping[str, Any]) -> dict[str, Any]:
        fed = {sources[name].name: value for name, value in feeds.items()}
        found = tf.import_graph_def(frozen, input_map=fed, return_elements=list(targets.values()), name="")
        return dict(zip(targets, found, strict=True))

    return function, {name: tf.TensorSpec(source.shape, source.dtype) for name, source in sources.items()}


def inlined(graph: Any, tensors: list[str]) -> Any:
    """A graph with the functions that it calls in their place: variables are not frozen in all of those.

    Args:
        graph: The graph.
        tensors: What is needed of it, inputs too.
    """
    described = graph.as_graph_def()
    for function in described.library.function:
        # a form of a recurrent layer for GPUs, for the sake of which the layer would stay a function
        function.attr.pop("api_implements", None)
    for node in (*described.node, *(node for function in described.library.function for node in function.node_def)):
        node.attr.pop("_output_shapes", None)  # those of a loop no longer hold
        if "_lower_using_switch_merge" in node.attr:
            node.attr["_lower_using_switch_merge"].b = False  # a loop of TensorFlow 2 becomes a loop of ONNX
    meta = tf.compat.v1.train.export_meta_graph(graph_def=described)
    meta.collection_def["train_op"].node_list.value.extend(tensors)
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.min_graph_nodes = -1
    config.graph_options.rewrite_options.optimizers.append("function")
    return tf_optimizer.OptimizeGraph(config, meta)


@contextmanager
def unpacked(path: Path, root: str) -> Iterator[Path]:
    """The folder of a SavedModel, unpacked where it is a zip; its names have been checked before."""
    if path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(path) as packed:
        packed.extractall(scratch)
        yield Path(scratch, root)


def keras(model: Mapping[str, Any], files: Path) -> tuple[Any, Any]:
    """A Keras model of one input and one output; see :func:`saved_model`."""
    import h5py  # noqa: PLC0415 - is not in every runtime that this script runs in
    import tf_keras  # noqa: PLC0415 - the same

    hdf5: Any = h5py
    path = str(files / model["entry"])
    with hdf5.File(path, "r") as file:
        backend = file.attrs.get("backend", "")
    # of the whole process, in which another model may have been before
    tf_keras.backend.set_floatx("float64" if model["inputs"][0]["type"] == "double" else "float32")
    loaded = tf_keras.models.load_model(path, compile=False)
    for layer in loaded.submodules:
        # as the old runtime: no state from one request to the next, and Theano's kernels turned
        if hasattr(layer, "cell") and getattr(layer, "stateful", False):
            layer.stateful = False
        if backend in ("theano", b"theano"):
            for kernel in layer.weights[: TURNED.get(type(layer).__name__, 0)] if hasattr(layer, "weights") else ():
                kernel.assign(tf.reverse(kernel, list(range(len(kernel.shape) - 2))))
    given, answered = model["inputs"][0]["name"], model["outputs"][0]["name"]
    source = loaded.inputs[0]
    taken = {given: tf.TensorSpec(source.shape, source.dtype)}
    return (lambda feeds: {answered: loaded(feeds[given], training=False)}), taken


def convert(model: Mapping[str, Any], files: Path, target: Path) -> None:
    """Write the model as one ONNX file that takes and gives the tensors that ``model.json`` declares."""
    function, taken = (saved_model if model["engine"] == "tensorflow" else keras)(model, files)

    def declared(*given: Any) -> tuple[Any, ...]:
        feeds = {
            field["name"]: tf.cast(value, taken[field["name"]].dtype)
            for field, value in zip(model["inputs"], given, strict=True)
        }
        results = function(feeds)
        found = [(field, results[field["name"]]) for field in model["outputs"]]
        return tuple(tf.identity(tf.cast(value, dtype_of(field, value.dtype))) for field, value in found)

    concrete = tf.function(declared).get_concrete_function(
        *(specification(field, taken[field["name"]]) for field in model["inputs"])
    )
    frozen = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    inputs = dict(zip((tensor.name for tensor in frozen.inputs), model["inputs"], strict=True))
    outputs = dict(zip((tensor.name for tensor in frozen.outputs), model["outputs"], strict=True))
    converter.from_graph_def(
        frozen.graph.as_graph_def(add_shapes=True),
        input_names=list(inputs),
        output_names=list(outputs),
        opset=OPSET,
        tensors_to_rename={tensor: field["name"] for tensor, field in (inputs | outputs).items()},
        output_path=str(target),
    )


def specification(field: Mapping[str, Any], source: Any) -> Any:
    """An input of the declared shape, with what the model knows where the declaration leaves it open."""
    shape = source.shape
    declared = field.get("shape")
    if declared:
        shape = tf.TensorShape([None if size == -1 else size for size in declared])
        if source.shape.rank == shape.rank:
            shape = shape.merge_with(source.shape)
    return tf.TensorSpec(shape, dtype_of(field, source.dtype))


def dtype_of(field: Mapping[str, Any], dtype: Any) -> Any:
    """The tensor's own dtype where the server reads it as the declared word, else the word's."""
    word = field["type"]
    return dtype if dtype in FOLDED[word] else DTYPES[word]


def main() -> None:
    """Convert what each line of standard input names."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print
    for line in sys.stdin:
        asked = json.loads(line)
        tempfile.tempdir = asked["scratch"]
        convert(asked["model"], Path(asked["files"]), Path(asked["target"]))
        answers.write("{}\n")
        answers.flush()


if __name__ == "__main__":
    main()
