"""The customer's own sample requests, read from a folder.

The form, for a model ``churn`` and ``--samples DIR``: every ``DIR/churn/<name>.json`` holds
``{"request": {...}, "answer": {...}}`` (``answer`` and ``status`` may be missing), or a pair of files
``<name>.request.json`` and ``<name>.answer.json`` holds the two bodies as they travelled.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from migrate.core.errors import UsageError
from migrate.core.values import Sample
from migrate.parity.generate import generate

__all__ = ["generate", "read_samples"]

_REQUEST: Final = ".request.json"
_ANSWER: Final = ".answer.json"
_MAXIMUM_SIZE: Final = 256 * 1024 * 1024
_FORM: Final = (
    'Each file is {"request": {...}, "answer": {...}}, or a pair of name.request.json and name.answer.json in the '
    "folder of the model's id."
)


def read_samples(folder: Path, model_id: str) -> tuple[Sample, ...]:
    """The samples of one model, by file name; none when the folder has no folder of its id.

    Args:
        folder: What was given with ``--samples``.
        model_id: The model's id; one that is no plain folder name has no samples.

    Raises:
        UsageError: The folder is not there, or a file in it is not of the form above.
    """
    if not folder.is_dir():
        raise UsageError(f"The samples folder {folder} is not a folder.", code="no-samples-folder", next_step=_FORM)
    if model_id in ("", ".", "..") or any(character in model_id for character in "/\\\0"):
        return ()
    own = folder / model_id
    if not own.is_dir():
        return ()
    paths = sorted(path for path in own.iterdir() if path.name.endswith(".json"))
    return tuple(_read(path) for path in paths if not path.name.endswith(_ANSWER) or _is_orphan(path))


def _is_orphan(path: Path) -> bool:
    request = path.with_name(path.name.removesuffix(_ANSWER) + _REQUEST)
    if not request.exists():
        raise _broken(path, f"there is no {request.name} beside it")
    return False


def _read(path: Path) -> Sample:
    content = _read_object(path)
    if path.name.endswith(_REQUEST):
        name = path.name.removesuffix(_REQUEST)
        answer_path = path.with_name(name + _ANSWER)
        answer = _read_object(answer_path) if answer_path.exists() else None
        return _sample(path, name, content, answer, None)
    if not isinstance(content.get("request"), dict):
        raise _broken(path, 'it has no "request" that is a JSON object')
    answer = content.get("answer")
    if answer is not None and not isinstance(answer, dict):
        raise _broken(path, 'its "answer" is no JSON object')
    return _sample(path, path.name.removesuffix(".json"), content["request"], answer, content.get("status"))


def _sample(path: Path, name: str, request: dict[str, Any], answer: dict[str, Any] | None, status: object) -> Sample:
    if status is None:
        status = _status(answer)
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status < 600:
        raise _broken(path, 'its "status" is no HTTP status')
    return Sample(name=name, request=request, answer=answer, status=status, generated=False)


def _status(answer: Mapping[str, Any] | None) -> object:
    """The status that belongs to an answer: the old service's errors say their own."""
    if answer is not None and set(answer) == {"status", "message"} and isinstance(answer["message"], str):
        return answer["status"]
    return 200


def _read_object(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAXIMUM_SIZE:
            raise _broken(path, f"it has more than {_MAXIMUM_SIZE} bytes")
        content = msgspec.json.decode(path.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _broken(path, f"it is not JSON ({error})") from None
    except OSError as error:
        raise _broken(path, f"it cannot be read ({error.strerror})") from None
    if not isinstance(content, dict):
        raise _broken(path, "it holds no JSON object")
    return content


def _broken(path: Path, why: str) -> UsageError:
    return UsageError(f"The sample {path} cannot be used: {why}.", code="broken-sample", next_step=_FORM)
