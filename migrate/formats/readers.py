"""Which reader reads a model: by the type of its manifest, or by the content and the name of its file."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from migrate.formats.archive.packed_model import refuse_zip
from migrate.formats.huggingface.pipeline import read_pipeline, read_pipeline_manifest
from migrate.formats.huggingface.tokenizer import read_tokenizer, read_tokenizer_manifest
from migrate.formats.keras.model import read_keras
from migrate.formats.manifest.fields import FieldReader
from migrate.formats.onnx.model import read_onnx, read_onnx_manifest
from migrate.formats.pickle.other_libraries import refuse_pickle
from migrate.formats.pmml.model import read_pmml
from migrate.formats.processors.flow import read_flow
from migrate.formats.processors.model import read_datetime, read_interval, read_scaler
from migrate.formats.reading.case import Case, Found
from migrate.formats.tensorflow.model import GRAPH, read_saved_model, read_tensorflow_manifest
from migrate.formats.torch.model import read_torch_manifest, read_torch_model

Reader = Callable[[Case, str], Found]

READERS: Final[dict[str, Reader]] = {
    "onnx": read_onnx,
    "tensorflow": read_saved_model,
    "keras": read_keras,
    "pmml": read_pmml,
    "torch": read_torch_model,
    "tokenizer": read_tokenizer,
    "pipeline": read_pipeline,
    "pickle": refuse_pickle,
    "zip": refuse_zip,
}

ManifestReader = Callable[[Case, FieldReader, Mapping[str, Any]], Found]

_MANIFEST_READERS: Final[dict[str, ManifestReader]] = {
    "onnx": read_onnx_manifest,
    "tensorflow": read_tensorflow_manifest,
    "torch_script": read_torch_manifest,
    "huggingface_pipeline": read_pipeline_manifest,
    "huggingface_tokenizer": read_tokenizer_manifest,
    "standard_scaler": read_scaler,
    "pi": read_interval,
    "datetime_encoder": read_datetime,
}

_SUFFIXES: Final = {
    ".onnx": "onnx",
    ".h5": "keras",
    ".hdf5": "keras",
    ".pmml": "pmml",
    ".pt": "torch",
    ".pth": "torch",
    ".ts": "torch",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "pickle",
}

# What save_pretrained and trainers leave beside a pipeline's config.json.
_PIPELINE_PART: Final = re.compile(
    r"tokenizer\.json|(?:pytorch_model|adapter_model|optimizer|scheduler|training_args|rng_state|tf_model|model)"
    r"[\w.-]*\.(?:bin|pt|pth|h5|onnx)"
)


def word_of(path: str, recognised: str | None) -> str | None:
    """The word of the reader for a file: by its content, or else by its name, so that broken files are reported.

    Args:
        path: The file's path.
        recognised: What its content says.
    """
    if recognised in READERS:
        return recognised
    if path.rpartition("/")[2] == GRAPH:
        return "tensorflow"
    lower = path.lower()
    return next((word for suffix, word in _SUFFIXES.items() if lower.endswith(suffix)), None)


def without_parts(words: Mapping[str, str]) -> dict[str, str]:
    """The models among files whose words are known, without those that are parts of another one.

    Args:
        words: The word of each file's reader, by the file's path.
    """
    if "pipeline" in words.values():
        return {path: word for path, word in words.items() if word == "pipeline" or not _PIPELINE_PART.fullmatch(path)}
    others = {path: word for path, word in words.items() if word != "tokenizer"}
    return others or dict(words)


def read_evaluator(case: Case, reader: FieldReader, content: Mapping[str, Any]) -> Found:
    """What a manifest describes.

    Args:
        case: The artifact, with the manifest at its root.
        reader: The manifest, by its name.
        content: Its JSON object, or the one of a step of its flow.

    Raises:
        FormatError: The manifest is not valid, or its model cannot be served.
    """
    kind = content.get("type")
    if kind == "flow":
        return read_flow(case, reader, content, read_evaluator)
    known = _MANIFEST_READERS.get(kind) if isinstance(kind, str) else None
    if known is None:
        reader.fail(f"its type is none of {', '.join((*_MANIFEST_READERS, 'flow'))}")
    return known(case, reader, content)
