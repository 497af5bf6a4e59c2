"""What a pickle may import: data by an exact list, the frameworks' own code by the user's word, nothing else.

A name that is allowed as data is harmless with any arguments, and on any object that the other allowed names make.
"""

import re
from typing import Final, Literal

Group = Literal["data", "framework", "dangerous", "unknown"]

# Types of torch storages by their bytes for each element (torch/storage.py).
STORAGES: Final = {
    **dict.fromkeys(("DoubleStorage", "LongStorage", "ComplexFloatStorage"), 8),
    **dict.fromkeys(("FloatStorage", "IntStorage", "QInt32Storage"), 4),
    **dict.fromkeys(("HalfStorage", "ShortStorage", "BFloat16Storage"), 2),
    **dict.fromkeys(("ByteStorage", "CharStorage", "BoolStorage", "QUInt8Storage", "QInt8Storage"), 1),
    "ComplexDoubleStorage": 16,
}
_DTYPES: Final = (
    *("float16", "float32", "float64", "bfloat16", "complex64", "complex128", "uint8", "int8", "int16", "int32"),
    *("int64", "bool", "qint8", "quint8", "qint32", "per_tensor_affine", "per_channel_affine"),
)
_TYPES: Final = (
    *("set", "frozenset", "list", "dict", "tuple", "int", "float", "bool", "str", "bytes", "bytearray", "complex"),
    *("slice", "range", "object", "long", "unicode"),
)
_REBUILD: Final = (
    *("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_parameter_with_state"),
    *("_rebuild_qtensor", "_rebuild_sparse_tensor"),
)
_NUMPY: Final = ("_reconstruct", "scalar")
_DATA: Final[dict[str, frozenset[str]]] = {
    "collections": frozenset({"OrderedDict"}),
    "builtins": frozenset(_TYPES),
    "__builtin__": frozenset(_TYPES),
    "copyreg": frozenset({"_reconstructor"}),
    "copy_reg": frozenset({"_reconstructor"}),
    "_codecs": frozenset({"encode"}),
    "numpy": frozenset({"ndarray", "dtype"}),
    "numpy.core.multiarray": frozenset(_NUMPY),
    "numpy._core.multiarray": frozenset(_NUMPY),
    "numpy.core.numeric": frozenset({"_frombuffer"}),
    "numpy._core.numeric": frozenset({"_frombuffer"}),
    "torch": frozenset({*STORAGES, *_DTYPES, "Size", "device", "Tensor"}),
    "torch.storage": frozenset({"UntypedStorage"}),
    "torch._utils": frozenset(_REBUILD),
    "torch._tensor": frozenset({"_rebuild_from_type_v2"}),
    "torch.serialization": frozenset({"_get_layout"}),
    "torch.nn.parameter": frozenset({"Parameter", "Buffer"}),
}
# What only the reader of TorchScript, which is no unpickler of Python, gives a meaning to.
_SCRIPT: Final[dict[str, frozenset[str]]] = {
    "torch.jit._pickle": frozenset(
        {"build_intlist", "build_tensorlist", "build_doublelist", "build_boollist", "build_tensor_from_id"}
        | {"restore_type_tag"}
    ),
}
_INSPECT: Final = frozenset({"Signature", "Parameter", "_ParameterKind", "_empty"})
_FRAMEWORKS: Final = (
    "torch",
    "torchvision",
    "torchtext",
    "fastai",
    "fastcore",
    "fasttransform",
    "plum",
    "fastprogress",
)
_LIBRARIES: Final = (
    "numpy",
    "pandas",
    "sklearn",
    "scipy",
    "spacy",
    "preshed",
    "pathlib",
    "collections",
    "functools",
    "datetime",
    "random",
)
_NEVER: Final = frozenset(
    {
        *("os", "posix", "nt", "subprocess", "sys", "importlib", "runpy", "socket", "shutil", "pickle", "_pickle"),
        *(
            "marshal",
            "types",
            "ctypes",
            "webbrowser",
            "urllib",
            "http",
            "ftplib",
            "smtplib",
            "ssl",
            "requests",
            "httpx",
        ),
        *("aiohttp", "pip", "code", "codeop", "pty", "asyncio", "commands", "platform", "bdb", "pdb", "profile"),
        *("cProfile", "timeit", "trace", "doctest", "idlelib", "lib2to3", "multiprocessing", "threading", "_thread"),
        *("concurrent", "signal", "tempfile", "glob", "io", "_io", "builtins", "__builtin__", "operator", "_operator"),
        *("shelve", "dill", "cloudpickle", "joblib", "zipimport", "pkgutil", "site", "ensurepip", "venv", "setuptools"),
        *("distutils", "gc", "inspect", "ast", "dis", "tokenize", "imp", "nturl2path", "logging", "uuid", "cgitb"),
    }
)


# Parts of those frameworks and libraries that run text, start programs, load libraries, or open files and pickles.
_NEVER_WITHIN: Final = re.compile(
    r"(?:numpy\.(?:f2py|testing|distutils|ctypeslib|lib|memmap|load|fromfile|loadtxt|genfromtxt|save|savez)"
    r"|torch\.(?:hub|utils|package|distributed|multiprocessing|fx|jit|ops|_ops|_dynamo|_inductor|_export|serialization"
    r"|load|save|compile|classes|_classes|library|storage\._load_from_bytes|_utils_internal|testing)"
    r"|pandas\.(?:read_\w+|eval|io|core\.computation|util|testing|_testing)|scipy\.(?:io|_lib)"
    r"|sklearn\.(?:datasets|externals)|spacy\.(?:cli|util|load)|fastai\.(?:learner\.load_\w+|test_utils)"
    r"|fastcore\.(?:xtras|net|parallel|script)|functools\.(?:partial|reduce|partialmethod)|collections\.namedtuple)"
    r"(?:\..*)?"
)
# what the pickle of a module of PyTorch has, in spite of the above
_EXPECTED: Final = re.compile(r"torch\.utils\.(?:hooks|data)\.[\w.]+")


def group_of(module: str, name: str) -> Group:
    """How far an import is trusted."""
    if name in _DATA.get(module, ()):
        return "data"
    top = module.partition(".")[0]
    if (name in _INSPECT and module == "inspect") or (module, name) == ("re", "_compile"):
        return "framework"
    full = f"{module}.{name}"
    if top in _NEVER or (_NEVER_WITHIN.fullmatch(full) and not _EXPECTED.fullmatch(full)):
        return "dangerous"
    # a dotted name walks on from what it names first, down to the globals of a function
    if any(part.startswith("__") and not part.startswith("__pyx_unpickle") for part in name.split(".")):
        return "dangerous"
    return "framework" if top in (*_FRAMEWORKS, *_LIBRARIES) else "unknown"


def is_script_data(module: str, name: str) -> bool:
    """Whether an import is one of those in the pickles of a TorchScript archive."""
    is_own = module == "__torch__" or module.startswith("__torch__.")
    return is_own or name in _SCRIPT.get(module, ()) or group_of(module, name) == "data"
