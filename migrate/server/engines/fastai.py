"""fastai learners of tables and texts, as ``learn.export`` wrote them (docs/other-formats.md).

Unpickling runs what the file says. It happens here, in the image, and nowhere else.
"""

import sys
import warnings
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any, Final

import msgspec
import numpy as np

from migrate.server.engines.deferred import complete, defer


def _train_test_split(*arguments: Any, **more: Any) -> Any:
    """What fastai takes from scikit-learn by its name, and uses before a training."""
    complete("sklearn.model_selection")
    return sys.modules["sklearn.model_selection"].train_test_split(*arguments, **more)


# Statistics and metrics, which are a third of what fastai imports: a learner that computes them makes them whole.
defer("sklearn", modules=False)
defer("sklearn.metrics", modules=False)
defer("sklearn.model_selection", known={"train_test_split": _train_test_split})
defer("scipy.stats", modules=False)

from fastai import __version__
from fastai.learner import load_learner
from fastai.tabular.all import TabularDataLoaders
from fastai.text.all import LMLearner, TextLearner
from pandas import DataFrame

from migrate.server.engines.columns import columns_of, row_count
from migrate.server.engines.fastai_pickles import PICKLE
from migrate.server.engines.torch_calls import failed, prepare, to_numpy
from migrate.server.evaluator import INPUT, OUTPUT, Evaluated, MissingTaker, Stop
from migrate.server.model import Field, Model
from migrate.server.model_engine import ContradictionError
from migrate.server.tensors import DTYPES, Array, Tensor, convert

_TEXT: Final = "text"
_PROBABILITIES: Final = "probabilities"


class FastaiEngine(MissingTaker):
    """A learner on the CPU; calls take turns."""

    def __init__(self, model: Model, *, threads: int) -> None:
        prepare(threads)
        warnings.filterwarnings("ignore", module=r"(fastai|fastcore|fasttransform|pandas)\b")
        self._learner = _load(model)
        self._turn = Lock()
        self._labels = _labels(self._learner)
        self._is_text = isinstance(self._learner, TextLearner)
        self._fields = (Field(_TEXT, "string", (-1,)),) if self._is_text else _table(self._learner)
        self._target = _target(self._learner)
        self._results = self._answers()

    @property
    def inputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each column."""
        return {field.name: str(np.dtype(DTYPES[field.type])) for field in self._fields}

    @property
    def outputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each output."""
        return {field.name: "object" if field.type == "string" else "float32" for field in self._results}

    def complete(self, model: Model) -> Model:
        """The columns and the target that the learner was trained on, which only the loaded learner tells."""
        return msgspec.structs.replace(
            model,
            inputs=self._fields,
            outputs=self._results,
        )

    def evaluate(self, tensors: Mapping[str, Tensor], stop: Stop | None, *, strict_nulls: bool) -> Evaluated:
        """Predict every row; a null, or a column that is not there, is a missing value.

        Raises:
            migrate.server.errors.HttpError: 400, when no column is there, or they differ in their sizes.
        """
        del strict_nulls
        feeds = columns_of(self._fields, tensors)
        if stop == (INPUT, 0):
            return Evaluated(feeds, 0, stopped=True)
        outputs = self.run(feeds)
        return Evaluated(outputs, len(outputs[self._target]), stopped=stop == (OUTPUT, 0))

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Predict the rows of columns; masked values are missing."""
        columns = {name: data.reshape(-1) for name, data in feeds.items()}
        rows = row_count(columns)
        items = self._items(columns, rows)
        try:
            with self._turn, self._learner.no_bar(), self._learner.no_logging():
                batches = self._learner.dls.test_dl(items, num_workers=0)
                # Text loaders sort by length and give the answers back in the order of the request.
                predicted, *_ = self._learner.get_preds(dl=batches, reorder=True)
        except Exception as error:
            raise failed(str(error) or type(error).__name__) from error
        values = convert(to_numpy(predicted), "float")
        if self._labels is None:
            return {self._target: values.reshape(rows, -1)}
        # No class is the likeliest where the learner computes no numbers: a value is missing that training always had.
        unknown = np.isnan(values).any(axis=1)
        labels = np.array([self._labels[place] for place in values.argmax(axis=1)], np.object_)
        found = np.ma.MaskedArray(labels, unknown) if unknown.any() else labels
        return {self._target: found, _PROBABILITIES: values}

    def _items(self, columns: Mapping[str, Array], rows: int) -> Any:
        if self._is_text:
            return (
                [str(text) for text in columns[_TEXT].filled("").tolist()]
                if isinstance(columns[_TEXT], np.ma.MaskedArray)
                else [str(text) for text in columns[_TEXT].tolist()]
            )
        table = {}
        for field in self._fields:
            column = columns.get(field.name)
            values: list[Any] = [None] * rows if column is None else column.tolist()
            table[field.name] = [np.nan if v is None else v for v in values] if field.type == "double" else values
        return DataFrame(table)

    def _answers(self) -> tuple[Field, ...]:
        if self._labels is not None:
            return (
                Field(self._target, "string", (-1,)),
                Field(_PROBABILITIES, "float", (-1, len(self._labels))),
            )
        width = 1 if self._is_text else len(self._learner.dls.y_names)
        return (Field(self._target, "float", (-1, width)),)


def _load(model: Model) -> Any:
    try:
        learner = load_learner(model.entry_path, cpu=True, pickle_module=PICKLE)
    except (AttributeError, ImportError) as error:
        # A pickle names classes and holds none.
        raise ContradictionError(
            f"{model.entry} needs something that fastai {__version__} has not: {error}; exports of fastai 1 are of"
            " another form, and code of a notebook does not travel with an export"
        ) from error
    except Exception as error:
        raise ContradictionError(f"fastai cannot load {model.entry}: {error}") from error
    if isinstance(learner, LMLearner):
        raise ContradictionError(f"{model.entry} is a language model: what it writes next is drawn by chance")
    if not isinstance(learner, TextLearner) and not isinstance(getattr(learner, "dls", None), TabularDataLoaders):
        raise ContradictionError(
            f"{model.entry} holds a {type(learner).__name__}: learners of tables and texts are served"
        )
    return learner


def _labels(learner: Any) -> list[str] | None:
    """The words of the classes; None for numbers."""
    vocabulary = getattr(learner.dls, "vocab", None)
    if isinstance(learner, TextLearner):
        # Of a text: the words of the language, then those of the target.
        vocabulary = vocabulary[-1] if vocabulary is not None and len(vocabulary) == 2 else None
    elif getattr(learner.dls, "c", 1) < 2:
        vocabulary = None
    return [str(word) for word in vocabulary] if vocabulary is not None and len(vocabulary) else None


def _table(learner: Any) -> tuple[Field, ...]:
    classes = getattr(getattr(learner.dls, "procs", None), "categorify", None)
    fields = [Field(str(name), _category_type(classes, name), (-1,)) for name in learner.dls.cat_names]
    fields += [Field(str(name), "double", (-1,)) for name in learner.dls.cont_names]
    made = _made_columns(learner)
    return tuple(field for field in fields if field.name not in made)


def _made_columns(learner: Any) -> frozenset[str]:
    """The columns that the learner makes itself: whether a number is missing, of each that was in training."""
    fill = getattr(getattr(learner.dls, "procs", None), "fill_missing", None)
    return frozenset(f"{name}_na" for name in getattr(fill, "na_dict", None) or ())


def _category_type(classes: Any, name: str) -> str:
    try:
        words: Sequence[object] = list(classes.classes[name])[1:]
    except (AttributeError, KeyError, TypeError):
        return "string"
    if words and all(isinstance(word, bool | np.bool_) for word in words):
        return "boolean"
    return "double" if words and all(isinstance(word, int | float | np.number) for word in words) else "string"


def _target(learner: Any) -> str:
    names = getattr(learner.dls, "y_names", None)
    return str(names[0]) if names is not None and len(names) == 1 else "prediction"
