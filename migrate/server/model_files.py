"""The models' folders: ``model.json`` read and checked, and ``unserved.json`` in its place."""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from migrate.server.model import SCHEMA, Model, ModelJson, Unserved

_REASONS: Final = 3  # in one sentence


class ModelFileError(Exception):
    """``model.json`` cannot be used; the text says why."""


def read_model(folder: Path) -> Model:
    """Read ``folder/model.json``.

    Raises:
        ModelFileError: When it is missing, broken, of a newer schema, has no id, or names files outside of the folder.
    """
    path = folder / "model.json"
    try:
        data = path.read_bytes()
        _check_schema(msgspec.json.decode(data, type=_OnlySchema).schema, str(path))  # a later one may be anything
        content = msgspec.json.decode(data, type=ModelJson)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelFileError(f"{path}: {error}") from error
    if content.id is None:
        raise ModelFileError(f"{path}: it says no id")
    return model_of(content, folder, str(path))


class _OnlySchema(Struct):
    schema: int = SCHEMA


def _check_schema(schema: int, path: str) -> None:
    if schema > SCHEMA:
        raise ModelFileError(
            f"{path}: it has schema {schema}, and this server reads up to {SCHEMA}: a later version of migrate wrote "
            "it; build the image again with one version"
        )
    if schema < 1:
        raise ModelFileError(f"{path}: it has schema {schema}, which there never was")


def model_of(content: ModelJson, folder: Path, path: str) -> Model:
    """The model that the content of ``model.json``, or of a step of a flow, describes; ``path`` names it in errors.

    Raises:
        ModelFileError: When it is of a newer schema, or names files outside of the folder.
    """
    _check_schema(content.schema, path)
    root = folder.resolve()
    if not Path(root, content.files, content.entry).resolve().is_relative_to(root):
        raise ModelFileError(f"{path}: the model's file lies outside of the model's folder")
    names = [field.name for field in content.inputs]
    # Two steps of a flow may take the same name with different types, and both are printed.
    repeated = len(set(names)) != len(names) and content.engine != "flow"
    if not names or repeated or not content.outputs:
        raise ModelFileError(f"{path}: needs inputs of different names, and outputs")
    return Model(**msgspec.structs.asdict(content), folder=str(folder))


def read_models(root: Path) -> tuple[tuple[Model, ...], dict[str, str]]:
    """Every model folder in ``root``, or ``root`` itself when it is one, sorted by folder name.

    Returns:
        The models, and why others cannot be served, by their ids: those with an ``unserved.json`` in the place of
        their ``model.json``, and, by their folders' names, those whose file cannot be used.

    Raises:
        ModelFileError: When there is none that can be used, or two have the same id.
    """
    if (root / "model.json").exists():
        return (read_model(root),), {}
    try:
        folders = sorted(path for path in root.iterdir() if path.is_dir())
    except OSError as error:
        raise ModelFileError(f"cannot read the models' folder: {error}") from error
    models, unserved = [], {}
    for folder in folders:
        try:
            if (folder / "unserved.json").exists():
                known = msgspec.json.decode((folder / "unserved.json").read_bytes(), type=Unserved)
                unserved[known.id] = known.reason
            elif (folder / "model.json").exists():
                models.append(read_model(folder))
        except (ModelFileError, OSError, msgspec.MsgspecError) as error:
            unserved[folder.name] = str(error)
    if not models:
        reasons = "; ".join(list(unserved.values())[:_REASONS])
        raise ModelFileError(reasons or f"{root}: no folder with a model.json in it")
    ids = [*(model.id for model in models), *unserved]
    if len(set(ids)) != len(ids):
        raise ModelFileError(f"{root}: two models have the same id")
    return tuple(models), unserved
