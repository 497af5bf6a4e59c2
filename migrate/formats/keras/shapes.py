"""What a Keras model gives, from its configuration: the last layers decide, back to one that says the rank."""

from collections.abc import Mapping
from typing import Any, Final

from migrate.formats.keras.classes import MODELS
from migrate.formats.keras.graph import DYNAMIC, Graph, Layer, graph_of, settings_of, sizes

Shape = list[int]

UNKNOWN: Final = -2  # a size that only the loaded model tells
_SAME_TEXT: Final = """
Activation ActivityRegularization Add AlphaDropout Average BatchNormalization BatchNormalizationV1
BatchNormalizationV2 Dropout ELU GaussianDropout GaussianNoise GroupNormalization Identity LayerNormalization
LeakyReLU Masking Maximum Minimum Multiply Normalization PReLU ReLU Rescaling Softmax SpatialDropout1D
SpatialDropout2D SpatialDropout3D Subtract SyncBatchNormalization ThresholdedReLU UnitNormalization
"""
_SAME: Final = frozenset(_SAME_TEXT.split())
_ELEMENTWISE_TEXT: Final = """
math.add math.subtract math.multiply math.divide math.truediv math.exp math.log math.sqrt math.square math.pow
math.tanh math.sigmoid math.abs math.negative nn.relu nn.relu6 nn.sigmoid nn.tanh nn.softmax nn.softplus
__operators__.add identity clip_by_value
"""
_ELEMENTWISE: Final = frozenset(_ELEMENTWISE_TEXT.split())
_RECURRENT: Final = frozenset(
    ["LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU", "LSTMV1", "LSTMV2", "GRUV1", "GRUV2"]
)
_MAXIMUM_DEPTH: Final = 8


def output_shape(graph: Graph, batch: int) -> Shape | None:
    """The shape of a model's one output for inputs of this batch; None where the configuration alone does not tell."""
    found = _rank_known(graph, 0)
    if found is None or UNKNOWN in found:
        return None
    return [batch, *found[1:]]


def _rank_known(graph: Graph, depth: int) -> Shape | None:
    if depth > _MAXIMUM_DEPTH or len(graph.targets) != 1:
        return None
    chain: list[str] = []
    name = graph.targets[0]
    while name in graph.layers and len(chain) <= len(graph.layers):
        chain.append(name)
        if _own(graph.layers[name], depth) is not None or not graph.inbound.get(name):
            break
        name = graph.inbound[name][0]
    shape = _input(graph.layers[chain[-1]])
    for name in reversed(chain):
        shape = _after(graph.layers[name], shape, depth)
    return shape


def _input(layer: Layer) -> Shape | None:
    given = settings_of(layer)
    return sizes(given.get("batch_input_shape", given.get("batch_shape")))


def _own(layer: Layer, depth: int) -> Shape | None:
    """The shape of a layer's output where it does not depend on what it takes."""
    config, kind = layer.get("config"), layer.get("class_name")
    if kind in MODELS:
        inner = graph_of(layer)
        return _rank_known(inner, depth + 1) if inner is not None else None
    if not isinstance(config, Mapping):
        return None
    if kind == "InputLayer":
        return _input(layer)
    if kind == "Reshape" and isinstance(config.get("target_shape"), list):
        inner_sizes = [UNKNOWN if size == DYNAMIC else size for size in config["target_shape"]]
        return [DYNAMIC, *inner_sizes] if all(type(size) is int for size in inner_sizes) else None
    if kind in _RECURRENT and isinstance(config.get("units"), int) and not config.get("return_sequences"):
        return [DYNAMIC, config["units"]]
    return None


def _after(layer: Layer, before: Shape | None, depth: int) -> Shape | None:
    """The shape of a layer's output, from the shape of what it takes."""
    own = _own(layer, depth)
    config = layer.get("config")
    if own is not None or before is None or not isinstance(config, Mapping):
        return own
    kind = str(layer.get("class_name"))
    if kind in _SAME or (kind == "TFOpLambda" and config.get("function") in _ELEMENTWISE):
        return before
    if kind in ("TimeDistributed", "Bidirectional"):
        return _wrapped(kind, config, before, depth)
    return _sized(kind, config, before)


def _sized(kind: str, config: Mapping[str, Any], before: Shape) -> Shape | None:
    """Layers that change sizes by a number in their settings."""
    units = config.get("units", config.get("filters", UNKNOWN))
    last = units if isinstance(units, int) and units > 0 else UNKNOWN
    inner = [UNKNOWN] * (len(before) - 2)
    first = config.get("data_format") == "channels_first"
    if kind == "Dense" or kind in _RECURRENT:
        return [*before[:-1], last]
    if kind == "Embedding":
        size = config.get("output_dim")
        return [*before, size if isinstance(size, int) else UNKNOWN]
    if kind == "Flatten":
        return [before[0], _product(before[1:])]
    if kind == "Concatenate":
        return [before[0], *inner, UNKNOWN]
    if kind.startswith("Global"):
        channels = before[1] if first else before[-1]
        return None if config.get("keepdims") else [before[0], channels]
    if "Conv" in kind and "LSTM" not in kind:
        return [before[0], last, *inner] if first else [before[0], *inner, last]
    if "Pool" in kind or "Padding" in kind or kind.startswith(("UpSampling", "Cropping")):
        return [before[0], before[1], *inner] if first else [before[0], *inner, before[-1]]
    return None


def _product(shape: Shape) -> int:
    if UNKNOWN in shape or DYNAMIC in shape:
        return UNKNOWN if UNKNOWN in shape else DYNAMIC
    product = 1
    for size in shape:
        product *= size
    return product


def _wrapped(kind: str, config: Mapping[str, Any], before: Shape, depth: int) -> Shape | None:
    layer = config.get("layer")
    if not isinstance(layer, Mapping) or len(before) < 3 or depth > _MAXIMUM_DEPTH:
        return None
    if kind == "TimeDistributed":
        inner = _after(layer, [before[0], *before[2:]], depth + 1)
        return None if inner is None else [inner[0], before[1], *inner[1:]]
    inner = _after(layer, before, depth + 1)
    if inner is None or config.get("merge_mode") in ("sum", "mul", "ave"):
        return inner
    return [*inner[:-1], 2 * inner[-1]] if config.get("merge_mode") == "concat" and inner[-1] > 0 else None
