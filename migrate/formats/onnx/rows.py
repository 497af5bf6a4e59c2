"""Whether a graph computes each row of a batch from that row alone.

Only then may the server put the rows of several requests into one run: the answer to one request can never hold
anything of another. The proof follows dimension 0 through the graph, operator by operator; whatever it does not know
it does not prove. What the operators do: https://github.com/onnx/onnx/blob/main/docs/Operators.md and Operators-ml.md.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Final

from msgspec import Struct

from migrate.formats.onnx.graph import Fixed, Node, Numbers, constants, nodes, numbers_of
from migrate.formats.onnx.structure import Model
from migrate.formats.reading.fields import DYNAMIC
from migrate.formats.reading.wire import Wire

_MOST_NODES: Final = 2000  # larger graphs are not those whose calls are short
_ONNX: Final = ("", "ai.onnx")
_ML: Final = "ai.onnx.ml"
_LAST_AXIS_SINCE: Final = 13  # from here on, Softmax has the last axis where it had the second one


class Rows(Struct, frozen=True):
    """A tensor whose dimension 0 is the batch's; ``shape`` is that of one row, None where a size is not known."""

    shape: tuple[int | None, ...]


class _Unproven(Exception):  # noqa: N818 - no error: an answer
    """A node about which nothing is known, or which mixes rows."""


State = Rows | Fixed
Rule = Callable[[Numbers, list[State | None], int], tuple[Rows, ...]]


def rows_apart(wire: Wire, model: Model, inputs: Mapping[str, tuple[int, ...]], outputs: frozenset[str]) -> bool:
    """Whether each row of these outputs depends on the same row of the inputs, and on nothing else of the request.

    Args:
        wire: The file.
        model: Its top.
        inputs: The declared shape of each input of a request; ``-1`` is a free size.
        outputs: The outputs that are answered.

    Raises:
        WireError: The structure is broken.
    """
    if model.functions or any(not shape or shape[0] != DYNAMIC for shape in inputs.values()):
        return False
    known: dict[str, State] = dict(constants(wire, model.graph))
    known.update({name: Rows(tuple(None if size < 0 else size for size in inputs[name][1:])) for name in inputs})
    opset = max((version for domain, version in model.opsets.items() if domain in _ONNX), default=1)
    try:
        for number, node in enumerate(nodes(wire, model.graph)):
            if number >= _MOST_NODES:
                return False
            _follow(wire, node, known, opset)
    except _Unproven:
        return False
    return all(isinstance(known.get(name), Rows) for name in outputs)


def _follow(wire: Wire, node: Node, known: dict[str, State], opset: int) -> None:
    rule = _RULES.get((_ML if node.domain == _ML else "", node.operator))
    if rule is None or node.domain not in (*_ONNX, _ML):
        raise _Unproven
    given = [known.get(name) if name else None for name in node.inputs]
    if any(state is None and name for state, name in zip(given, node.inputs, strict=True)):
        raise _Unproven
    results = rule(numbers_of(wire, node), given, opset)
    if len(node.outputs) > len(results):
        raise _Unproven
    known.update({name: result for name, result in zip(node.outputs, results, strict=False) if name})


def _rows(state: State | None, rank: int = 0) -> Rows:
    """A tensor of rows, each of at least so many dimensions."""
    if not isinstance(state, Rows) or len(state.shape) < rank:
        raise _Unproven
    return state


def _fixed(state: State | None) -> Fixed:
    if not isinstance(state, Fixed):
        raise _Unproven
    return state


def _each(_: Numbers, given: list[State | None], __: int) -> tuple[Rows, ...]:
    """One value from one value; more inputs are constants (the limits of Clip)."""
    for state in given[1:]:
        if state is not None and prod(_fixed(state).shape) != 1:
            raise _Unproven
    return (_rows(given[0]),)


def _pairs(_: Numbers, given: list[State | None], __: int) -> tuple[Rows, ...]:
    """One value from the values at the same place, where smaller tensors are repeated; never along the rows."""
    rank = max(len(state.shape) for state in given if isinstance(state, Rows)) if _any_rows(given) else -1
    shape: tuple[int | None, ...] = (1,) * rank
    if rank < 0:
        raise _Unproven
    for state in given:
        if isinstance(state, Rows):
            if len(state.shape) != rank:
                raise _Unproven
            row: tuple[int | None, ...] = state.shape
        else:
            row = _fixed(state).shape
            if len(row) > rank:
                if len(row) > rank + 1 or row[0] != 1:
                    raise _Unproven
                row = row[1:]
            row = (1,) * (rank - len(row)) + row
        shape = tuple(
            two if one == 1 else one if two in (1, one) else None for one, two in zip(shape, row, strict=True)
        )
    return (Rows(shape),)


def _any_rows(given: list[State | None]) -> bool:
    return any(isinstance(state, Rows) for state in given)


def _gemm(numbers: Numbers, given: list[State | None], _: int) -> tuple[Rows, ...]:
    row = _rows(given[0], 1)
    weights = _fixed(given[1]).shape
    if len(row.shape) != 1 or len(weights) != 2 or numbers.integers.get("transA", 0):
        raise _Unproven
    if len(given) > 2 and given[2] is not None:
        bias = _fixed(given[2]).shape
        if len(bias) > 2 or (len(bias) == 2 and bias[0] != 1):
            raise _Unproven
    return (Rows((weights[0 if numbers.integers.get("transB", 0) else 1],)),)


def _matmul(_: Numbers, given: list[State | None], __: int) -> tuple[Rows, ...]:
    row, weights = _rows(given[0], 1), _fixed(given[1]).shape
    if len(weights) == 1:
        return (Rows(row.shape[:-1]),)
    if len(weights) != 2:
        raise _Unproven
    return (Rows((*row.shape[:-1], weights[1])),)


def _softmax(numbers: Numbers, given: list[State | None], opset: int) -> tuple[Rows, ...]:
    row = _rows(given[0], 1)
    _axis(numbers.integers.get("axis", -1 if opset >= _LAST_AXIS_SINCE else 1), row)
    return (row,)


def _axis(axis: int, row: Rows) -> int:
    """A dimension of the tensor that is not the rows', as a place in one row's shape."""
    rank = len(row.shape) + 1
    place = axis + rank if axis < 0 else axis
    if not 1 <= place < rank:
        raise _Unproven
    return place - 1


def _one_of(numbers: Numbers, given: list[State | None], _: int) -> tuple[Rows, ...]:
    """The place of the largest or smallest along an axis."""
    row = _rows(given[0], 1)
    return (_without(row, {_axis(numbers.integers.get("axis", 0), row)}, keep=numbers.integers.get("keepdims", 1)),)


def _reduce(numbers: Numbers, given: list[State | None], _: int) -> tuple[Rows, ...]:
    row = _rows(given[0], 1)
    places = {_axis(axis, row) for axis in _axes(numbers, given)}
    return (_without(row, places, keep=numbers.integers.get("keepdims", 1)),)


def _axes(numbers: Numbers, given: list[State | None]) -> tuple[int, ...]:
    """The axes as an attribute (older operators) or as a constant; without any, all are meant, the rows' too."""
    axes = numbers.lists.get("axes")
    if axes is None and len(given) > 1:
        axes = _fixed(given[1]).values
    if not axes:
        raise _Unproven
    return axes


def _without(row: Rows, places: set[int], *, keep: int) -> Rows:
    sizes = [1 if place in places else size for place, size in enumerate(row.shape)]
    return Rows(tuple(size for place, size in enumerate(sizes) if keep or place not in places))


def _squeeze(numbers: Numbers, given: list[State | None], _: int) -> tuple[Rows, ...]:
    row = _rows(given[0], 1)
    return (_without(row, {_axis(axis, row) for axis in _axes(numbers, given)}, keep=0),)


def _unsqueeze(numbers: Numbers, given: list[State | None], _: int) -> tuple[Rows, ...]:
    sizes: list[int | None] = list(_rows(given[0]).shape)
    for axis in sorted(_axes(numbers, given)):
        if not 1 <= axis <= len(sizes) + 1:
            raise _Unproven
        sizes.insert(axis - 1, 1)
    return (Rows(tuple(sizes)),)


def _concat(numbers: Numbers, given: list[State | None], _: int) -> tuple[Rows, ...]:
    rows = [_rows(state, 1) for state in given]
    place = _axis(numbers.integers.get("axis", 1), rows[0])
    if any(len(row.shape) != len(rows[0].shape) for row in rows):
        raise _Unproven
    sizes = [row.shape[place] for row in rows]
    whole = None if None in sizes else sum(size for size in sizes if size is not None)
    shape = rows[0].shape
    return (Rows((*shape[:place], whole, *shape[place + 1 :])),)


def _transpose(numbers: Numbers, given: list[State | None], _: int) -> tuple[Rows, ...]:
    row = _rows(given[0])
    order = numbers.lists.get("perm", ())
    if sorted(order) != list(range(len(row.shape) + 1)) or order[0] != 0:
        raise _Unproven
    return (Rows(tuple(row.shape[place - 1] for place in order[1:])),)


def _flatten(numbers: Numbers, given: list[State | None], _: int) -> tuple[Rows, ...]:
    row = _rows(given[0])
    if numbers.integers.get("axis", 1) != 1:
        raise _Unproven
    return (Rows((_product(row.shape),)),)


def _reshape(numbers: Numbers, given: list[State | None], _: int) -> tuple[Rows, ...]:
    """Proven where a row keeps its number of values."""
    row, wanted = _rows(given[0]), _fixed(given[1]).values
    if not wanted or numbers.integers.get("allowzero", 0) or 0 in wanted[1:]:
        raise _Unproven
    sizes = wanted[1:]
    whole = _product(row.shape)
    if wanted[0] == 0 and sizes.count(-1) == 1:
        rest = -prod(sizes)
        return (Rows(tuple((whole // rest if whole else None) if size == -1 else size for size in sizes)),)
    if wanted[0] not in (0, -1) or -1 in sizes or whole is None or prod(sizes) != whole:
        raise _Unproven
    return (Rows(sizes),)


def _product(sizes: tuple[int | None, ...]) -> int | None:
    return None if None in sizes else prod(size for size in sizes if size is not None)


def _table(_: Numbers, given: list[State | None], __: int) -> tuple[Rows, ...]:
    """Values of a table of rows and columns, one from one."""
    row = _rows(given[0], 1)
    if len(given) != 1 or len(row.shape) != 1:
        raise _Unproven
    return (row,)


def _classifier(numbers: Numbers, given: list[State | None], opset: int) -> tuple[Rows, ...]:
    """Labels, and scores of which there may be more or fewer than labels."""
    _table(numbers, given, opset)
    return Rows(()), Rows((None,))


def _regressor(numbers: Numbers, given: list[State | None], opset: int) -> tuple[Rows, ...]:
    _table(numbers, given, opset)
    return (Rows((numbers.integers.get("targets") or numbers.integers.get("n_targets") or None,)),)


def _one_hot(numbers: Numbers, given: list[State | None], _: int) -> tuple[Rows, ...]:
    row = _rows(given[0])
    return (
        Rows((*row.shape, numbers.lengths.get("cats_strings") or len(numbers.lists.get("cats_int64s", ())) or None)),
    )


def _extract(_: Numbers, given: list[State | None], __: int) -> tuple[Rows, ...]:
    """Columns by their numbers."""
    row = _rows(given[0], 1)
    return (Rows((*row.shape[:-1], prod(_fixed(given[1]).shape))),)


_EACH: Final = (
    *("Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cast", "Ceil", "Clip", "Cos", "Cosh", "Elu"),
    *("Erf", "Exp", "Floor", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Log", "Neg"),
    *("Not", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign"),
    *("Sqrt", "Tan", "Tanh", "ThresholdedRelu"),
)
_PAIRS: Final = (
    *("Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min"),
    *("Mod", "Mul", "Or", "Pow", "PRelu", "Sub", "Sum", "Where", "Xor"),
)
_REDUCE: Final = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")

_RULES: Final[Mapping[tuple[str, str], Rule]] = {
    **{("", name): _each for name in _EACH},
    **{("", name): _pairs for name in _PAIRS},
    **{("", f"Reduce{name}"): _reduce for name in _REDUCE},
    ("", "ArgMax"): _one_of,
    ("", "ArgMin"): _one_of,
    ("", "Concat"): _concat,
    ("", "Flatten"): _flatten,
    ("", "Gemm"): _gemm,
    ("", "LogSoftmax"): _softmax,
    ("", "MatMul"): _matmul,
    ("", "Reshape"): _reshape,
    ("", "Softmax"): _softmax,
    ("", "Squeeze"): _squeeze,
    ("", "Transpose"): _transpose,
    ("", "Unsqueeze"): _unsqueeze,
    (_ML, "ArrayFeatureExtractor"): _extract,
    (_ML, "Binarizer"): _table,
    (_ML, "Imputer"): _table,
    (_ML, "LabelEncoder"): _each,
    (_ML, "LinearClassifier"): _classifier,
    (_ML, "LinearRegressor"): _regressor,
    (_ML, "Normalizer"): _table,
    (_ML, "OneHotEncoder"): _one_hot,
    (_ML, "SVMClassifier"): _classifier,
    (_ML, "SVMRegressor"): _regressor,
    (_ML, "Scaler"): _table,
    (_ML, "TreeEnsembleClassifier"): _classifier,
    (_ML, "TreeEnsembleRegressor"): _regressor,
    (_ML, "ZipMap"): _table,
}
