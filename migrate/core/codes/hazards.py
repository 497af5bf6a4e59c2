"""What would do harm when a file is loaded, or means different things to different programs."""

from collections.abc import Mapping
from typing import Final, Literal

from migrate.core.codes.meaning import Meaning

_ALLOW: Final = (
    "If you trust whoever made the file, allow it with the --allow-unsafe of the task; else do not load it anywhere."
)
_NEVER: Final = "Do not load the file. Export the model again from where it was trained."
_PACK: Final = "Pack the model's files again with a usual program (zip -r, or the library that exported the model)."

HazardCode = Literal[
    "pickled-code",
    "pickle-unknown-import",
    "pickle-dangerous",
    "pickle-unusual",
    "pickle-broken",
    "pickle-of-unknown-library",
    "pickled-weights",
    "torch-not-plain",
    "torchscript-file",
    "torchscript-unusual",
    "keras-lambda",
    "keras-module",
    "keras-function",
    "keras-custom-class",
    "keras-file",
    "keras-too-complex",
    "hdf5-outside",
    "tensorflow-operator",
    "tensorflow-python",
    "tensorflow-file",
    "pmml-function",
    "pmml-entities",
    "custom-code",
    "archive-absolute",
    "archive-bomb",
    "archive-case-clash",
    "archive-checksum",
    "archive-corrupt",
    "archive-device",
    "archive-directory",
    "archive-disks",
    "archive-duplicate",
    "archive-encrypted",
    "archive-extra-field",
    "archive-headers-differ",
    "archive-hidden-data",
    "archive-link",
    "archive-method",
    "archive-names",
    "archive-names-differ",
    "archive-nested",
    "archive-overlap",
    "archive-sizes",
    "archive-slip",
    "archive-too-large",
    "archive-trailing-data",
    "archive-zip64",
]

HAZARDS: Final[Mapping[HazardCode, Meaning]] = {
    "pickled-code": Meaning(
        "file",
        "The file is a pickle that imports its framework's own classes, as it must: it is a program.",
        _ALLOW,
        ("quarantined",),
    ),
    "pickle-unknown-import": Meaning(
        "file", "The pickle imports code that is in no runtime.", _ALLOW, ("quarantined",)
    ),
    "pickle-dangerous": Meaning(
        "file", "The pickle runs code of the machine that it is loaded on.", _ALLOW, ("quarantined",)
    ),
    "pickle-unusual": Meaning(
        "file",
        "The pickle does what plain data never does, such as computing what it imports.",
        _ALLOW,
        ("quarantined",),
    ),
    "pickle-broken": Meaning(
        "file", "The pickle is broken, and imports code before the place where it breaks.", _NEVER, ("quarantined",)
    ),
    "pickle-of-unknown-library": Meaning(
        "file",
        "The pickle is of a library that is in no runtime, such as scikit-learn.",
        "Do not load it; export the model to ONNX where it was trained.",
        ("quarantined",),
    ),
    "pickled-weights": Meaning(
        "file",
        "The weights are a pickle; it was read to its end and holds data only.",
        "Nothing: the model is served.",
        ("ready",),
    ),
    "torch-not-plain": Meaning(
        "file", "The file has parts that PyTorch does not write, or not there.", _NEVER, ("quarantined",)
    ),
    "torchscript-file": Meaning("file", "The TorchScript code opens files.", _ALLOW, ("quarantined",)),
    "torchscript-unusual": Meaning(
        "file", "The TorchScript code gives an operator another name, which no export does.", _ALLOW, ("quarantined",)
    ),
    "keras-lambda": Meaning(
        "file", "The Keras model has a Lambda layer, which is byte-code.", _ALLOW, ("quarantined",)
    ),
    "keras-module": Meaning(
        "file", "The Keras model imports a module that is not Keras's own.", _ALLOW, ("quarantined",)
    ),
    "keras-function": Meaning(
        "file",
        "The Keras model calls a function by its name, or has code of its own in a layer.",
        _ALLOW,
        ("quarantined",),
    ),
    "keras-custom-class": Meaning(
        "file", "The Keras model needs a class that is none of Keras's plain layers.", _ALLOW, ("quarantined",)
    ),
    "keras-file": Meaning("file", "A layer of the Keras model reads another file.", _ALLOW, ("quarantined",)),
    "keras-too-complex": Meaning(
        "file",
        "The Keras configuration has more parts, or deeper ones, than any model, so it was not read to its end.",
        _ALLOW,
        ("quarantined",),
    ),
    "hdf5-outside": Meaning(
        "file",
        "The HDF5 file leads to other files or to code: links, external or virtual storage, filters from plugins.",
        _ALLOW,
        ("quarantined",),
    ),
    "tensorflow-operator": Meaning(
        "file",
        "The SavedModel has an operator that reads, writes or connects beyond the model.",
        _ALLOW,
        ("quarantined",),
    ),
    "tensorflow-python": Meaning("file", "The SavedModel calls Python code.", _ALLOW, ("quarantined",)),
    "tensorflow-file": Meaning(
        "file", "The SavedModel reads a file that is none of its assets.", _ALLOW, ("quarantined",)
    ),
    "pmml-function": Meaning(
        "file", "The PMML calls a class of the evaluator as a function.", _ALLOW, ("quarantined",)
    ),
    "pmml-entities": Meaning(
        "file",
        "The PMML declares a document type or an entity, takes in another file, or holds an instruction for "
        "other programs.",
        "Remove the line; no PMML needs it.",
        ("quarantined",),
    ),
    "custom-code": Meaning(
        "file",
        "The pipeline names code of its own, which is not run.",
        "Use a model class of the transformers library, and save the pipeline again.",
        ("quarantined",),
    ),
    "archive-absolute": Meaning("file", "A name in the archive is an absolute path.", _PACK, ("quarantined",)),
    "archive-bomb": Meaning(
        "file", "The archive has more entries, or unpacks to more, than any model.", _PACK, ("quarantined",)
    ),
    "archive-case-clash": Meaning(
        "file", "Two names in the archive are one name on some systems.", _PACK, ("quarantined",)
    ),
    "archive-checksum": Meaning(
        "file", "A file in the archive does not have the checksum that the archive says.", _PACK, ("quarantined",)
    ),
    "archive-corrupt": Meaning("file", "A file in the archive cannot be unpacked.", _PACK, ("quarantined",)),
    "archive-device": Meaning("file", "The archive holds a device, a pipe or a socket.", _PACK, ("quarantined",)),
    "archive-directory": Meaning(
        "file",
        "The archive's directory is broken, or lists another number of entries than it says.",
        _PACK,
        ("quarantined",),
    ),
    "archive-disks": Meaning("file", "The archive is one part of several.", _PACK, ("quarantined",)),
    "archive-duplicate": Meaning(
        "file", "A name is twice in the archive, or is both a file and a folder.", _PACK, ("quarantined",)
    ),
    "archive-encrypted": Meaning(
        "file",
        "A file in the archive is encrypted, or says so.",
        "Pack the model's files again without a password.",
        ("quarantined",),
    ),
    "archive-extra-field": Meaning(
        "file", "An entry of the archive has an extra field that is broken, or there twice.", _PACK, ("quarantined",)
    ),
    "archive-headers-differ": Meaning(
        "file",
        "The archive says one thing of a file in its directory and another beside the file.",
        _PACK,
        ("quarantined",),
    ),
    "archive-hidden-data": Meaning(
        "file", "The archive holds bytes that belong to none of its files.", _PACK, ("quarantined",)
    ),
    "archive-link": Meaning("file", "The archive holds a symbolic link.", _PACK, ("quarantined",)),
    "archive-method": Meaning(
        "file", "A file in the archive is packed in a way that not every program reads.", _PACK, ("quarantined",)
    ),
    "archive-names": Meaning(
        "file",
        "A name in the archive is no plain path, or means different things on different systems.",
        _PACK,
        ("quarantined",),
    ),
    "archive-names-differ": Meaning("file", "An entry of the archive has a second name.", _PACK, ("quarantined",)),
    "archive-nested": Meaning(
        "file",
        "The archive holds another archive.",
        "Pack the model's files themselves, not their archive.",
        ("quarantined",),
    ),
    "archive-overlap": Meaning("file", "Two entries of the archive share bytes.", _PACK, ("quarantined",)),
    "archive-sizes": Meaning(
        "file", "A file in the archive is longer or shorter than the archive says.", _PACK, ("quarantined",)
    ),
    "archive-slip": Meaning(
        "file", "A name in the archive leads out of the folder that it is unpacked to.", _PACK, ("quarantined",)
    ),
    "archive-too-large": Meaning(
        "file", "A file in the archive that is small in every model is too large.", _PACK, ("quarantined",)
    ),
    "archive-trailing-data": Meaning(
        "file", "Bytes follow the end of the archive, or its comment.", _PACK, ("quarantined",)
    ),
    "archive-zip64": Meaning(
        "file", "The archive's 64-bit numbers are missing, broken, or contradict the others.", _PACK, ("quarantined",)
    ),
}
