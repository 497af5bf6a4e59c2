"""The field numbers of ONNX's messages, each once (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto)."""

from typing import Final


class ModelProto:
    """The top of a file."""

    IR_VERSION: Final = 1
    PRODUCER_NAME: Final = 2
    PRODUCER_VERSION: Final = 3
    DOMAIN: Final = 4
    MODEL_VERSION: Final = 5
    DOC_STRING: Final = 6
    GRAPH: Final = 7
    OPSET_IMPORT: Final = 8
    METADATA: Final = 14
    TRAINING_INFO: Final = 20
    FUNCTIONS: Final = 25
    CONFIGURATION: Final = 26
    ALL: Final = frozenset({*range(1, 9), 14, 20, 25, 26})


class GraphProto:
    """A graph, of a model or of an attribute."""

    NODE: Final = 1
    INITIALIZER: Final = 5
    INPUT: Final = 11
    OUTPUT: Final = 12
    SPARSE_INITIALIZER: Final = 15
    ALL: Final = frozenset({1, 2, 5, 10, 11, 12, 13, 14, 15, 16})


class FunctionProto:
    """A function of the model's own."""

    NAME: Final = 1
    NODE: Final = 7
    DOMAIN: Final = 10


class NodeProto:
    """A node."""

    INPUT: Final = 1
    OUTPUT: Final = 2
    OP_TYPE: Final = 4
    ATTRIBUTE: Final = 5
    DOMAIN: Final = 7


class AttributeProto:
    """An attribute of a node."""

    NAME: Final = 1
    INT: Final = 3
    TENSOR: Final = 5
    GRAPH: Final = 6
    INTS: Final = 8
    STRINGS: Final = 9
    TENSORS: Final = 10
    GRAPHS: Final = 11
    SPARSE_TENSOR: Final = 22
    SPARSE_TENSORS: Final = 23


class TensorProto:
    """A tensor that the file brings along."""

    DIMS: Final = 1
    DATA_TYPE: Final = 2
    INT64_DATA: Final = 7
    NAME: Final = 8
    RAW_DATA: Final = 9
    EXTERNAL_DATA: Final = 13
    DATA_LOCATION: Final = 14


class SparseTensorProto:
    """A sparse tensor: two tensors."""

    VALUES: Final = 1
    INDICES: Final = 2
