"""Whether ``tf_keras`` can make a model of a configuration at all; where not, nobody is told to allow the file."""

from collections.abc import Mapping
from typing import Any, Final

from migrate.formats.keras.classes import CLASSES, GPU_ONLY, OTHERS, is_activation
from migrate.formats.keras.hazards import mappings
from migrate.formats.reading.errors import FormatError, quoted

_PYTHON_3_11: Final = (2, 12)  # the first Keras that ran on the Python that loads the model here
_AS_SAVED_MODEL: Final = "Export it as a SavedModel with the TensorFlow that trained it, which needs none of its code."
_KNOWN: Final = frozenset({*CLASSES, *OTHERS, "function"})
_ACTIVATIONS: Final = ("activation", "recurrent_activation")


def check_loadable(path: str, version: str, config: Mapping[str, Any]) -> None:
    """Refuse a model that ends with an error when it is loaded, or answers every request with one.

    Args:
        path: The file.
        version: The version of the Keras that wrote it; empty where it does not say.
        config: The content of ``model_config``.

    Raises:
        FormatError: It needs code that is not in the file, byte-code of another Python, or a GPU.
    """
    for value in mappings(config):
        if value is None:
            return
        name, inner = value.get("class_name"), value.get("config")
        if name == "Lambda" and _is_before(version, _PYTHON_3_11):
            text = f"The model {quoted(path)} has a Lambda layer; only the Python that saved its byte-code reads it."
            raise FormatError("keras-lambda", text, _AS_SAVED_MODEL, verdict="quarantined")
        if name is not None and (not isinstance(name, str) or ("config" in value and name not in _KNOWN)):
            text = f"The model {quoted(path)} needs the class {quoted(str(name)[:60])}, which Keras does not have."
            raise FormatError("keras-custom-class", text, _AS_SAVED_MODEL, verdict="quarantined")
        if name in GPU_ONLY:
            raise FormatError(
                "gpu-only-layer",
                f"The model {quoted(path)} has a {name} layer, which runs on GPUs only; ML Serving answered 500, too.",
                f"Load its weights into a {name.removeprefix('CuDNN')} layer, and save that model.",
                verdict="unsupported",
            )
        if isinstance(inner, Mapping):
            _check_activations(path, inner)


def _check_activations(path: str, settings: Mapping[str, Any]) -> None:
    for key in _ACTIVATIONS:
        if isinstance(settings.get(key), str) and not is_activation(settings[key]):
            text = f"The model {quoted(path)} has the activation {quoted(settings[key][:60])}, unknown to Keras."
            raise FormatError("unknown-activation", text, _AS_SAVED_MODEL, verdict="unsupported")


def _is_before(version: str, first: tuple[int, int]) -> bool:
    """Whether a version is below another; one that cannot be told is not."""
    numbers = version.split(".")[:2]
    known = len(numbers) == 2 and all(number.isascii() and number.isdigit() for number in numbers)
    return known and tuple(map(int, numbers)) < first
