"""JPMML, where its licence (AGPL-3.0) was accepted: the same table in and out as PMML4S's.

Of the package only the jars are used: its own bridge answers through pickles and data frames.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import jpype

from migrate.server.engines.java_machine import start_java
from migrate.server.engines.pmml_table import PmmlTable, reason
from migrate.server.engines.pmml_xml import sanitised
from migrate.server.model import Model
from migrate.server.model_engine import ContradictionError

# What writes Java or opens pickles has no place beside a customer's file, whose functions are looked up by class name.
_LEFT_OUT: Final = (
    "codemodel-",
    "jpmml-codemodel-",
    "pickle-",
    "pmml-converter-",
    "pmml-python-",
    "pmml-translator-",
    "pmml-transpiler-",
    "serpent-",
)


def _scoring_jars() -> list[str]:
    spec = find_spec("jpmml_evaluator")  # not imported: it wants pandas
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("No module named 'jpmml_evaluator'")
    jars = Path(spec.origin).parent.glob("dependencies/*.jar")
    return sorted(str(jar) for jar in jars if not jar.name.startswith(_LEFT_OUT))


_JARS: Final = _scoring_jars()
_UNNAMED: Final = "predictedValue"  # what the description calls the result of a model without a target


class JpmmlEngine(PmmlTable):
    """A PMML model that JPMML scores on a Java runtime inside this process."""

    def __init__(self, model: Model, *, threads: int) -> None:
        del threads  # a row is scored by the thread that asks
        find = start_java(_start)
        self._new_row, self._decode = find("java.util.HashMap"), find("org.jpmml.evaluator.EvaluatorUtil").decodeAll
        self._invalid: Any = find("org.jpmml.evaluator.ValueCheckException")
        self._undefined: Any = find("org.jpmml.evaluator.MissingFieldException")
        text = sanitised(model.entry_path)
        try:
            builder = find("org.jpmml.evaluator.LoadingModelEvaluatorBuilder")()
            builder.load(find("java.io.ByteArrayInputStream")(text.encode()))
            self._scorer: Any = builder.build()
            names = [str(field.getName()) for field in self._scorer.getInputFields()]
            results = [*self._scorer.getTargetFields(), *self._scorer.getOutputFields()]
        except Exception as error:
            raise ContradictionError(f"JPMML cannot load {model.entry}: {reason(error)}") from error
        super().__init__(model, names, text)
        # A result without a name has the key null in Java.
        keys = {_UNNAMED if field.getName() is None else str(field.getName()): field.getName() for field in results}
        unknown = [field.name for field in model.outputs if field.name not in keys]
        if unknown:
            raise ContradictionError(f"the file has no results {unknown}, it has {list(keys)}")
        self._results = tuple(keys)
        self._keys = [keys[field.name] for field in model.outputs]

    def score(self, row: Mapping[str, Any]) -> list[Any]:
        """The results of one row, in the order of the outputs; none where the PMML says that a value is invalid."""
        values = self._new_row()
        for name, value in row.items():
            values.put(name, value)
        try:
            results = self._decode(self._scorer.evaluate(values))
        except self._invalid:
            return [None] * len(self._keys)
        except self._undefined as error:
            # An output is made of a prediction that there is none of, because a value is missing.
            if not any(f'"{name}"' in str(error) for name in self._results):
                raise
            return [None] * len(self._keys)
        return [results.get(key) for key in self._keys]


def _start(library: str, options: Sequence[str]) -> None:
    jpype.startJVM(*options, jvmpath=library, classpath=_JARS)
