"""The test cases that the onnx package carries, and which of them onnxruntime itself passes.

Its backend test suite has models with inputs and expected outputs: ``node`` cases are generated, the other kinds lie in
the package as files. Of the kind ``real``, the package has whole networks with weights made by rule (``light``); cases
of it that would be downloaded are left out.
"""

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

with warnings.catch_warnings():
    # Its generators divide by zero on purpose.
    warnings.simplefilter("ignore")
    from onnx.backend.test.loader import load_model_tests

Array = NDArray[Any]
KINDS: Final = ("node", "simple", "pytorch-operator", "pytorch-converted", "real")
_LIGHT: Final = "onnx/backend/test/data/light/"
_QUIET: Final = 4
# Of a dtype that a package adds to numpy (bfloat16, float8, int4).
_REGISTERED: Final = 2


@dataclass(frozen=True)
class Case:
    """A model with data sets of inputs and expected outputs; values are arrays, or lists for ONNX sequences."""

    kind: str
    name: str
    model: onnx.ModelProto
    data: tuple[tuple[list[Any], list[Any]], ...]
    rtol: float
    atol: float


@dataclass(frozen=True)
class Example:
    """Inputs by name and the outputs that the suite expects; ``direct`` is what onnxruntime answers.

    ``direct`` is None for a model that answers differently each time.
    """

    inputs: dict[str, Array]
    expected: dict[str, Array]
    direct: dict[str, Array] | None


class NotPassedError(Exception):
    """onnxruntime does not pass the case, or it has no tensors; the text says why."""


def cases(kind: str) -> Iterator[Case]:
    """The cases of a kind, in the order of their names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = load_model_tests(kind=kind)
    for test in sorted(found, key=lambda test: str(test.name)):
        if test.url is not None:
            if test.url.startswith(_LIGHT):
                yield _light(test, Path(onnx.__file__).parents[1] / test.url)
            continue
        if test.model_dir is None:
            data = tuple((list(map(_plain, inputs)), list(map(_plain, outputs))) for inputs, outputs in test.data_sets)
            model = test.model
        else:
            folder = Path(test.model_dir)
            model = onnx.load(folder / "model.onnx")
            data = tuple(_read_data(model, place) for place in sorted(folder.glob("test_data_set_*")))
        yield Case(kind, test.name, model, data, test.rtol, test.atol)


def _light(test: Any, path: Path) -> Case:
    """A network of the package; the suite's inputs for it are numbers rising from 0 to 1."""
    model = onnx.load(path)
    initialized = {tensor.name for tensor in model.graph.initializer}
    inputs = []
    for value in model.graph.input:
        if value.name not in initialized:
            shape = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
            inputs.append((np.arange(np.prod(shape)).reshape(shape) / np.prod(shape)).astype(np.float32))
    outputs = [_value(path.with_name(f"{path.stem}_output_{n}.pb"), info) for n, info in enumerate(model.graph.output)]
    return Case("real", test.name, model, ((inputs, outputs),), test.rtol, test.atol)


def _plain(value: Any) -> Any:
    """An array of what a generated case holds; sequences and missing values stay."""
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return value if isinstance(value, list | dict) or value is None else np.asarray(value)


def _read_data(model: onnx.ModelProto, folder: Path) -> tuple[list[Any], list[Any]]:
    initialized = {tensor.name for tensor in model.graph.initializer}
    asked = [value for value in model.graph.input if value.name not in initialized]
    # A data set may hold the values of initializers too; then it names every input of the graph.
    count = len(list(folder.glob("input_*.pb")))
    inputs = asked if count <= len(asked) else list(model.graph.input)
    taken = [_value(folder / f"input_{number}.pb", value) for number, value in enumerate(inputs[:count])]
    given = [_value(folder / f"output_{number}.pb", value) for number, value in enumerate(model.graph.output)]
    return taken, given


def _value(path: Path, info: onnx.ValueInfoProto) -> Any:
    content = path.read_bytes()
    kind = info.type.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(content))
    if kind == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(content))
    return numpy_helper.to_array(onnx.TensorProto.FromString(content))


def examples(case: Case) -> list[Example]:
    """The case's data with the names of the model's tensors.

    Raises:
        NotPassedError: onnxruntime cannot load or run the model, or answers something else than the suite expects.
    """
    engine: Any = onnxruntime
    options = engine.SessionOptions()
    options.log_severity_level = _QUIET
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    try:
        session = engine.InferenceSession(case.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise NotPassedError(f"does not load: {_short(error)}") from error
    names = [node.name for node in session.get_inputs()]
    found = []
    for inputs, expected in case.data:
        feeds = dict(zip(names, inputs, strict=False))
        direct = _run(session, feeds)
        outputs = dict(zip((node.name for node in session.get_outputs()), expected, strict=True))
        for name, value in outputs.items():
            difference = same(direct[name], value, case.rtol, case.atol)
            if difference:
                raise NotPassedError(f"answers something else: {name}: {difference}")
        again = _run(session, feeds)
        steady = all(same(again[name], direct[name], 0, 0) == "" for name in outputs)
        found.append(Example(feeds, outputs, direct if steady else None))
    return found


def _run(session: Any, feeds: dict[str, Any]) -> dict[str, Any]:
    names = [node.name for node in session.get_outputs()]
    for value in feeds.values():
        if isinstance(value, np.ndarray) and value.dtype.isbuiltin == _REGISTERED:
            raise NotPassedError(f"cannot be asked: its Python interface takes no {value.dtype} arrays")
    try:
        return dict(zip(names, session.run(names, feeds), strict=True))
    except Exception as error:
        raise NotPassedError(f"does not run: {_short(error)}") from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


def same(actual: Any, wanted: Any, rtol: float, atol: float) -> str:
    """How a value differs from the wanted one, in dtype, shape or values; empty when it does not."""
    if isinstance(wanted, list) or isinstance(actual, list):
        if not isinstance(wanted, list) or not isinstance(actual, list) or len(wanted) != len(actual):
            return "another sequence"
        differences = (same(one, other, rtol, atol) for one, other in zip(actual, wanted, strict=True))
        return next((difference for difference in differences if difference), "")
    if wanted is None or actual is None:
        return "" if wanted is actual else "an optional value is there, or missing"
    actual, wanted = np.asarray(actual), np.asarray(wanted)
    if _kind(actual) != _kind(wanted):
        return f"dtype {actual.dtype}, wanted {wanted.dtype}"
    if actual.shape != wanted.shape:
        return f"shape {list(actual.shape)}, wanted {list(wanted.shape)}"
    return differing(actual, wanted, rtol, atol)


def differing(actual: Array, wanted: Array, rtol: float, atol: float) -> str:
    """How the values of two arrays of one shape differ."""
    if _kind(wanted) == "text":
        equal = [_text(one) == _text(other) for one, other in zip(actual.flat, wanted.flat, strict=True)]
        return "" if all(equal) else f"{equal.count(False)} texts differ"
    if wanted.dtype.kind in "biu":
        return "" if np.array_equal(actual, wanted) else f"{np.count_nonzero(actual != wanted)} values differ"
    with np.errstate(all="ignore"):
        close = np.isclose(actual, wanted, rtol=rtol, atol=atol, equal_nan=True)
    return "" if bool(close.all()) else f"{close.size - np.count_nonzero(close)} values differ"


def _kind(array: Array) -> str:
    return "text" if array.dtype.kind in "OSUT" else array.dtype.name


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
