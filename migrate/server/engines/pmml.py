"""PMML4S: a table of active fields in, target and output fields out; missing and invalid values as the PMML says."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pypmml import Model as PmmlModel
from pypmml import PMMLContext

from migrate.server.engines.java_machine import start_java
from migrate.server.engines.pmml_table import PmmlTable, reason
from migrate.server.engines.pmml_xml import sanitised
from migrate.server.model import Model
from migrate.server.model_engine import ContradictionError
from migrate.server.rows import row_begins, rows_end

_NO_NUMBER: Final = -(1 << 63)  # what PMML4S says for an integer that there is none of
_PREDICTED: Final = "predictedValue"


class PmmlEngine(PmmlTable):
    """A PMML model that PMML4S scores on a Java runtime inside this process."""

    def __init__(self, model: Model, *, threads: int) -> None:
        del threads  # a row is scored by the thread that asks
        self._new_row = start_java(_start)("java.util.HashMap")
        text = sanitised(model.entry_path)
        try:
            loaded: Any = PmmlModel.fromString(text)
            own = [str(field.name) for field in loaded.outputFields if str(field.feature) == _PREDICTED]
            # The values of target fields besides the output fields that the file declares.
            self._scorer: Any = loaded.setSupplementOutput(True)._java_model
            names = [str(name) for name in loaded.inputNames]
            targets = [str(name) for name in loaded.targetNames]
            found = [(str(field.name), str(field.feature)) for field in loaded.outputFields]
        except Exception as error:
            raise ContradictionError(f"PMML4S cannot load {model.entry}: {reason(error)}") from error
        super().__init__(model, names, text)
        self._names = [_result_name(field.name, targets, own, found) for field in model.outputs]
        self._check_results()

    def _check_results(self) -> None:
        """The names of what comes out: those of ``outputFields`` are promised only.

        Raises:
            ContradictionError: One never comes, so that it would be null in every row.
        """
        row_begins()
        try:
            given = set(map(str, self._scorer.predict(self._new_row()).keySet()))
        except Exception:  # noqa: BLE001 - a row without values says nothing of this model
            return
        finally:
            rows_end()
        missing = [name for name in self._names if name not in given]
        if missing:
            raise ContradictionError(f"PMML4S gives no result {missing[0]}, it gives {sorted(given)}")

    def score(self, row: Mapping[str, Any]) -> list[Any]:
        """The results of one row, in the order of the outputs."""
        # In a row by position PMML4S takes a missing integer for a number; a name that is not there is missing.
        values = self._new_row()
        for name, value in row.items():
            if value is not None:
                values.put(name, value)
        result = self._scorer.predict(values)
        return [None if value == _NO_NUMBER else value for value in map(result.get, self._names)]


def _start(library: str, options: Sequence[str]) -> None:
    PMMLContext.getOrCreate(gateway="jpype", java_path=library, java_opts=list(options))


def _result_name(name: str, targets: Sequence[str], own: Sequence[str], found: Sequence[tuple[str, str]]) -> str:
    """PMML4S's name of a declared output: an output field of its name, or the prediction of a target field.

    Of several targets it computes those for which the file has predictions of its ``own``, in their order: what it adds
    for the others is null, or wrong.
    """
    names = [each for each, _ in found]
    if len(targets) > 1 and name in targets and name not in names:
        if len(own) == len(targets):
            return own[targets.index(name)]
        raise ContradictionError(f"PMML4S has no result for the output {name}, which is one of several targets")
    predicted = [each for each, feature in found if feature == _PREDICTED]
    for known in (name, f"predicted_{name}"):
        if known in names:
            return known
    if predicted and (not targets or [name] == list(targets)):
        return predicted[0]
    raise ContradictionError(f"the file has no result for the output {name}, it has {names}")
