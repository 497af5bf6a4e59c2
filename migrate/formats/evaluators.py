"""Which reader reads which type of manifest."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from migrate.formats.huggingface.pipeline import read_pipeline_manifest
from migrate.formats.huggingface.tokenizer import read_tokenizer_manifest
from migrate.formats.manifest.fields import FieldReader
from migrate.formats.onnx.model import read_onnx_manifest
from migrate.formats.processors.flow import read_flow
from migrate.formats.processors.model import read_datetime, read_interval, read_scaler
from migrate.formats.reading.case import Case, Found
from migrate.formats.tensorflow.model import read_tensorflow_manifest
from migrate.formats.torch.model import read_torch_manifest

Reader = Callable[[Case, FieldReader, Mapping[str, Any]], Found]

_READERS: Final[dict[str, Reader]] = {
    "onnx": read_onnx_manifest,
    "tensorflow": read_tensorflow_manifest,
    "torch_script": read_torch_manifest,
    "huggingface_pipeline": read_pipeline_manifest,
    "huggingface_tokenizer": read_tokenizer_manifest,
    "standard_scaler": read_scaler,
    "pi": read_interval,
    "datetime_encoder": read_datetime,
}


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
    known = _READERS.get(kind) if isinstance(kind, str) else None
    if known is None:
        reader.fail(f"its type is none of {', '.join((*_READERS, 'flow'))}")
    return known(case, reader, content)
