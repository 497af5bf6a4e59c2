"""TensorFlow: one signature of a SavedModel of any age in a session (contract: Old TensorFlow)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from migrate.server.engines.deferred import complete, is_complete
from migrate.server.engines.saved_model import unpacked
from migrate.server.engines.tf_runtime import (
    REFUSALS,
    check_type,
    dtype_of,
    failed,
    from_tensorflow,
    parts,
    to_tensorflow,
)
from migrate.server.model import Model, TensorflowSettings
from migrate.server.model_engine import ContradictionError
from migrate.server.tensors import Array


class TensorflowEngine:
    """A session, safe to run from several threads at once.

    The loader of TensorFlow 1 reads what TensorFlow 2 exports too, and runs the graph as the old runtime did.
    """

    def __init__(self, model: Model, *, threads: int) -> None:
        options = model.tensorflow
        if options is None or not options.saved_model:
            raise ContradictionError("tensorflow of model.json names no saved_model")
        path = _path(model, options)
        config = parts.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1)
        with unpacked(path, options.root) as folder:
            try:
                self._session, meta = _load(folder, options.tags, config)
            except Exception as error:
                raise ContradictionError(f"TensorFlow cannot load {path.name}: {error}") from error
        graph = self._session.graph
        if options.signature not in meta.signature_def:
            known = sorted(meta.signature_def)
            raise ContradictionError(f"the SavedModel has no signature {options.signature!r}, it has {known}")
        signature = meta.signature_def[options.signature]
        sources = {name: _tensor(graph, name, info) for name, info in signature.inputs.items()}
        targets = {name: _tensor(graph, name, info) for name, info in signature.outputs.items()}
        _check(model, sources, targets)
        self._feeds = [(field.name, dtype_of(field.name, sources[field.name].dtype)) for field in model.inputs]
        self._outputs = {field.name: dtype_of(field.name, targets[field.name].dtype) for field in model.outputs}
        self._ranks = {name: _rank(sources[name].shape) for name, _ in self._feeds}
        self._call = self._session.make_callable(
            [targets[name] for name in self._outputs], feed_list=[sources[name] for name, _ in self._feeds]
        )

    @property
    def inputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each input."""
        return dict(self._feeds)

    @property
    def outputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each output that is used."""
        return self._outputs

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute every declared output.

        Raises:
            migrate.server.errors.HttpError: 500, as the old runtime had it, when TensorFlow refuses.
        """
        try:
            values = self._call(
                *(_ranked(to_tensorflow(feeds[name], dtype), self._ranks[name]) for name, dtype in self._feeds)
            )
        except REFUSALS as error:
            raise failed(error) from error
        if any(self._ranks[name] and not feeds[name].ndim for name, _ in self._feeds):
            values = [value.reshape(()) if value.size == 1 else value for value in map(np.asarray, values)]
        return {name: from_tensorflow(value) for name, value in zip(self._outputs, values, strict=True)}

    def complete(self, model: Model) -> Model:
        """The description as it is: the signature or the manifest says everything."""
        return model


def _load(folder: Path, tags: Sequence[str], config: Any) -> tuple[Any, Any]:
    """A session with the SavedModel in it, and the description of its graph."""
    had_all = is_complete("tensorflow")
    session = parts.Session(graph=parts.Graph(), config=config)
    try:
        return session, parts.load(session, list(tags), str(folder))
    except Exception:
        # Some modules of the package bring operators of their own. Another model may have had them brought meanwhile.
        if had_all:
            raise
        complete("tensorflow")
        session = parts.Session(graph=parts.Graph(), config=config)
        return session, parts.load(session, list(tags), str(folder))


def _path(model: Model, options: TensorflowSettings) -> Path:
    root = Path(model.folder, model.files)
    path = root / options.saved_model
    if not path.resolve().is_relative_to(root.resolve()):
        raise ContradictionError("the SavedModel lies outside of the model's files")
    return path


def _tensor(graph: Any, name: str, info: Any) -> Any:
    if not info.name:
        raise ContradictionError(f"{name} of the signature is no dense tensor")
    return graph.get_tensor_by_name(info.name)


def _rank(shape: Any) -> int:
    """The rank of a placeholder that takes one value, else 0."""
    return shape.rank if shape.rank and all(size in (None, 1) for size in shape) else 0


def _ranked(data: Array, rank: int) -> Array:
    """A scalar as the one value of its placeholder.

    A TensorInfo from before TensorFlow 1.0 tells no shape. The old runtime fed what it was sent; Python's session
    compares it with the placeholder's shape first.
    """
    return data.reshape([1] * rank) if rank and not data.ndim else data


def _check(model: Model, sources: Mapping[str, Any], targets: Mapping[str, Any]) -> None:
    declared = {field.name for field in model.inputs}
    if declared != set(sources):
        raise ContradictionError(
            f"model.json declares the inputs {sorted(declared)}, the signature has {sorted(sources)}"
        )
    for field in model.inputs:
        check_type(field, dtype_of(field.name, sources[field.name].dtype))
    for field in model.outputs:
        if field.name not in targets:
            raise ContradictionError(f"the signature has no output {field.name}, it has {sorted(targets)}")
        check_type(field, dtype_of(field.name, targets[field.name].dtype))
