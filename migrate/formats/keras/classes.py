"""The classes and functions of Keras 2 that a model's configuration may name: those that compute and nothing else.

Left out on purpose: ``Lambda`` (byte-code), ``TensorFlowOpLayer``, ``ClassMethod``, ``InstanceMethod`` and
``InstanceProperty`` (any operator or method), ``DenseFeatures`` (files of words), ``TFSMLayer`` (another model).
"""

import re
from typing import Final

_LAYERS: Final = """
Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention Average AveragePooling1D
AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D BatchNormalization BatchNormalizationV1
BatchNormalizationV2 Bidirectional CategoryEncoding CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D
Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution2D Convolution3D
Cropping1D Cropping2D Cropping3D CuDNNGRU CuDNNLSTM Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout
ELU EinsumDense Embedding Flatten GRU GRUCell GRUCellV1 GRUCellV2 GRUV1 GRUV2 GaussianDropout GaussianNoise
GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D
GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
GroupNormalization HashedCrossing Hashing Identity InputLayer IntegerLookup LSTM LSTMCell LSTMCellV1 LSTMCellV2 LSTMV1
LSTMV2 LayerNormalization LeakyReLU LocallyConnected1D LocallyConnected2D Masking MaxPool1D MaxPool2D MaxPool3D
MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum MultiHeadAttention Multiply Normalization PReLU Permute RNN
RandomBrightness RandomContrast RandomCrop RandomFlip RandomHeight RandomRotation RandomTranslation RandomWidth
RandomZoom ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D SeparableConv2D SeparableConvolution1D
SeparableConvolution2D SimpleRNN SimpleRNNCell SlicingOpLambda Softmax SpatialDropout1D SpatialDropout2D
SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract SyncBatchNormalization TFOpLambda
TextVectorization ThresholdedReLU TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D
ZeroPadding1D ZeroPadding2D ZeroPadding3D
"""
_PARTS: Final = """
Constant GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Ones Orthogonal RandomNormal
RandomUniform TruncatedNormal VarianceScaling Zeros L1 L1L2 L2 OrthogonalRegularizer MaxNorm MinMaxNorm NonNeg
RadialConstraint UnitNorm Policy PolicyV1 TensorShape __tuple__ __tensor__
glorot_normal glorot_uniform he_normal he_uniform lecun_normal lecun_uniform
"""
MODELS: Final = frozenset({"Sequential", "Functional", "Model"})
CLASSES: Final = frozenset({*_LAYERS.split(), *_PARTS.split(), *MODELS})
LOOKUPS: Final = frozenset({"StringLookup", "IntegerLookup", "TextVectorization"})

# What is no layer of plain computation, and known to Keras all the same.
OTHERS: Final = frozenset(
    ["TensorFlowOpLayer", "ClassMethod", "InstanceMethod", "InstanceProperty", "DenseFeatures", "TFSMLayer", "Lambda"]
)
GPU_ONLY: Final = frozenset({"CuDNNGRU", "CuDNNLSTM"})

_ACTIVATIONS_TEXT: Final = """
elu exponential gelu hard_sigmoid leaky_relu linear log_softmax mish relu relu6 selu sigmoid silu softmax softplus
softsign swish tanh ELU LeakyReLU PReLU ReLU Softmax ThresholdedReLU
"""
# What TensorFlow 1.15 to 2.3 wrote for ``x * 2 + 1`` in a functional model: one operator of pure computation a layer.
_OPERATORS_TEXT: Final = """
Abs Add AddN AddV2 All Any ArgMax ArgMin BatchMatMul BatchMatMulV2 BiasAdd Cast Ceil ClipByValue Concat ConcatV2 Cos
Cumsum Div DivNoNan Einsum Elu Equal Erf Exp ExpandDims Expm1 Fill Floor FloorDiv FloorMod GatherNd GatherV2 Greater
GreaterEqual Identity L2Loss LeakyRelu Less LessEqual Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max
Maximum Mean Min Minimum Mul Neg NotEqual OneHot OnesLike Pack Pad PadV2 Pow Prod Range Rank RealDiv Reciprocal Relu
Relu6 Reshape ResizeBilinear ResizeNearestNeighbor ReverseV2 Round Rsqrt Select SelectV2 Selu Shape Sigmoid Sign Sin
Size Slice Softmax Softplus Softsign Split SplitV Sqrt Square SquaredDifference Squeeze StopGradient StridedSlice Sub
Sum Tan Tanh Tile TopKV2 Transpose Unpack Where ZerosLike
"""
OPERATORS: Final = frozenset(_OPERATORS_TEXT.split())
_ACTIVATIONS: Final = frozenset(_ACTIVATIONS_TEXT.split())
_MODULE: Final = re.compile(r"(?:tensorflow\.)?(?:tf_)?keras(?:\.(?!utils|datasets|saving|callbacks)[a-z0-9_]+)*")
_NAMESPACES: Final = re.compile(r"(?:compat\.v1\.)?(?:math|nn|__operators__|linalg|strings|signal|image)\.[a-z0-9_]+")
_OPERATIONS_TEXT: Final = """
reshape cast concat expand_dims squeeze stack split tile transpose zeros_like ones_like zeros ones identity where
slice gather gather_nd shape rank size pad clip_by_value one_hot fill range broadcast_to stop_gradient reverse
unstack strided_slice boolean_mask tensordot einsum matmul convert_to_tensor add subtract multiply divide abs
maximum minimum pow sqrt exp tanh sin cos less greater equal logical_and logical_or repeat roll argmax argmin
"""
_OPERATIONS: Final = frozenset(_OPERATIONS_TEXT.split())


def is_known_function(name: str) -> bool:
    """Whether a function is one of TensorFlow's that compute."""
    return name in _OPERATIONS or (bool(_NAMESPACES.fullmatch(name)) and "unigram" not in name)


def is_known_module(name: object) -> bool:
    """Whether a module is part of Keras, as far as it has layers and their parts."""
    return name is None or (isinstance(name, str) and (name == "builtins" or bool(_MODULE.fullmatch(name))))


def is_activation(name: object) -> bool:
    """Whether this is an activation by its name."""
    return isinstance(name, str) and name in _ACTIVATIONS
