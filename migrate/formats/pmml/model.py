"""PMML: the active fields of the model are its inputs, its target and output fields the outputs.

How ML Serving answered for PMML was not documented; this is the mapping of the standard's own words.
"""

import math
import re
from typing import Final

from migrate.core.looked import NotKnown
from migrate.core.model_json import Bounds, Field, ModelJson, PmmlSettings
from migrate.formats.pmml.expressions import WORDS, type_of
from migrate.formats.pmml.structure import CHAINS, DataField, Document, Model, PmmlError, check_end, read_document
from migrate.formats.reading.case import Case, Found
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.fields import DYNAMIC

RUNTIME: Final = "pmml"

_VERSION: Final = re.compile(r"(?:3\.[0-2]|4\.[0-4])(?:\.\d+)?")
_NAMESPACE: Final = re.compile(r"https?://www\.dmg\.org/PMML-[34]_\d(?:_\d)?")
_MAXIMUM_OUTPUTS: Final = 10_000
_TARGETS: Final = frozenset({"target", "predicted"})
_NOT_SCORED: Final = frozenset(
    {"BayesianNetworkModel", "BaselineModel", "GaussianProcessModel", "SequenceModel", "TextModel", "TimeSeriesModel"}
)
_DIFFERENT: Final = frozenset(
    {
        *("dateDaysSinceYear", "dateSecondsSinceYear", "dateSecondsSinceMidnight", "formatDatetime"),
        *("modulo", "replace", "/", "isIn", "isNotIn", "Discretize", "MapValues", "TextIndex"),
    }
)
"""Functions and expressions on which PMML4S has been seen to differ from what exporters wrote beside them."""
_NO_PREDICTIONS: Final = "several targets without a prediction for each"
NOT_COMPUTED: Final = frozenset({_NO_PREDICTIONS, "multipleModelMethod=x-multiModelChain"})
"""Of what PMML4S differs on, that for which it loads no file, or has no results."""

_NUMBERS: Final = frozenset(
    {
        *("probability", "residual", "standardError", "standardDeviation", "clusterAffinity", "affinity", "confidence"),
        *("entityAffinity", "support", "lift", "leverage"),
    }
)


def read_pmml(case: Case, path: str) -> Found:
    """The model in a PMML file.

    Raises:
        FormatError: It cannot be served.
    """
    with case.open(path) as (read, size):
        if size == 0:
            raise FormatError("empty", f"The file {quoted(path)} is empty.", "Upload the complete file in its place.")
        try:
            if not case.affords(path, size):
                check_end(read, size)
                raise NotKnown(
                    f"The elements of {quoted(path)} tell what it is, and only a download reads all of them."
                )
            document = read_document(read, size)
        except PmmlError as error:
            raise _refused(path, error) from None
    if document.foreign:
        case.danger(
            path,
            "pmml-function",
            f"The PMML {quoted(path)} calls {quoted(document.foreign[0])}, a class of the evaluator.",
        )
    model = _model(case, path, document)
    declared = {field.name: field for field in document.fields}
    inputs = tuple(_input(path, name, declared) for name, usage in model.mining if usage == "active")
    if not inputs:
        raise _unsupported(path, "it has no active fields: every request would get the same answer")
    outputs = _outputs(path, model, declared, document.derived)
    names = ", ".join(quoted(field.name) for field in outputs[:6])
    case.notes.append(
        f"ML Serving did not document how it served PMML: here the {len(inputs)} active fields of {quoted(path)} are "
        f"its inputs, and its target and output fields ({names}) its outputs"
    )
    differs = sorted(name for name in {*document.called, *document.used} if name in _DIFFERENT or name[:2] == "x-")
    differs += _targets(model)
    differs += [f"multipleModelMethod={model.method}"] if model.method in {*CHAINS, "selectFirst"} else []
    differs += ["AssociationModel"] if model.element == "AssociationModel" else []
    if model.verified:
        case.notes.append(f"{quoted(path)} carries rows and results of its own, which the engine has to give")
    made = ModelJson(engine="pmml", entry=path, inputs=inputs, outputs=outputs, pmml=PmmlSettings(sanitised=True))
    return Found("pmml", RUNTIME, made, tuple(differs))


def _targets(model: Model) -> list[str]:
    """What PMML4S differs on where there are several targets: it computes those that have a prediction in the file."""
    targets = {name for name, usage in model.mining if usage in _TARGETS}
    if len(targets) < 2:
        return []
    outputs = (*model.outputs, *model.nested)
    predictions = sum(output.get("feature", "predictedValue") == "predictedValue" for output in outputs)
    is_complete = predictions == len(targets) or targets <= {output.get("name") for output in outputs}
    return ["several targets"] if is_complete else [_NO_PREDICTIONS]


def _model(case: Case, path: str, document: Document) -> Model:
    if document.root != "PMML" or (document.namespace and not _NAMESPACE.fullmatch(document.namespace)):
        raise FormatError(
            "not-pmml",
            f"The file {quoted(path)} is XML, and no PMML.",
            "Check that the right file was uploaded, and put the model in its place.",
        )
    if not _VERSION.fullmatch(document.version):
        raise _unsupported(path, f"it has the version {quoted(document.version)}, and 3.0 to 4.4 are read")
    if not document.models:
        raise _unsupported(path, "it holds no model")
    model = document.models[0]
    if len(document.models) > 1:
        case.notes.append(f"{quoted(path)} holds {len(document.models)} models; the first one is served")
    if model.element in _NOT_SCORED or not model.scorable:
        raise _unsupported(path, f"its {model.element} is of a kind that is not scored")
    usages = [usage for _, usage in model.mining]
    if model.element == "AssociationModel" and ("group" in usages or usages.count("active") == 1):
        raise _unsupported(
            path,
            "its rules are about several rows together (a transaction), and a request asks about each row by itself",
            "Serve it by a program of its own: no PMML engine scores it a row at a time.",
        )
    return model


def _input(path: str, name: str, declared: dict[str, DataField]) -> Field:
    data = declared.get(name)
    if data is None:
        raise FormatError(
            "corrupt",
            f"The PMML {quoted(path)} is broken: its model uses the field {quoted(name)}, which it does not declare.",
            "Export the model again and put the new file in its place.",
        )
    return Field(
        name,
        WORDS.get(data.data_type, "string"),
        (DYNAMIC,),
        values=tuple(dict.fromkeys(data.values)),
        domain=tuple(Bounds(_bound(low), _bound(high)) for low, high in data.intervals) or None,
    )


def _bound(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _outputs(path: str, model: Model, declared: dict[str, DataField], derived: dict[str, str]) -> tuple[Field, ...]:
    targets = [name for name, usage in model.mining if usage in _TARGETS]
    found = {name: _target_word(model, name, declared) for name in targets}
    fields = {name: WORDS.get(field.data_type, "string") for name, field in declared.items()} | found
    fields |= {name: WORDS.get(word, "string") for name, word in derived.items()}
    for output in (*model.outputs, *model.nested):
        name = output.get("name", "")
        word = _output_word(model, output, fields, found.get(output.get("targetField", next(iter(targets), ""))))
        fields.setdefault(name, word)  # an output may be made of those before it
        if name and output.get("isFinalResult", "true") != "false" and name not in found:
            found[name] = word
    if not found:
        found["predictedValue"] = _target_word(model, "", declared)
    if len(found) > _MAXIMUM_OUTPUTS:
        raise _unsupported(path, f"it has {len(found)} outputs")
    return tuple(Field(name, word, (DYNAMIC,)) for name, word in found.items())


def _target_word(model: Model, target: str, declared: dict[str, DataField]) -> str:
    if target in declared:
        field = declared[target]
        word = WORDS.get(field.data_type, "string")
        # what a regression says of a whole number need not be one; of several targets some may be classes
        is_number = model.function == "regression" and field.optype not in {"categorical", "ordinal"}
        return "double" if is_number and word == "long" else word
    return "double" if model.function == "regression" else "string"


def _output_word(model: Model, output: dict[str, str], fields: dict[str, str], predicted: str | None) -> str:
    feature = output.get("feature", "predictedValue")
    if "dataType" in output:
        return WORDS.get(output["dataType"], "string")
    if feature in _NUMBERS:
        return "double"
    if feature == "predictedValue":
        return predicted or _target_word(model, "", {})
    expression = model.expressions.get(output.get("name", ""))
    return type_of(expression, fields) if expression is not None else "string"


def _refused(path: str, error: PmmlError) -> FormatError:
    name = quoted(path)
    if error.code == "entities":
        return FormatError(
            "pmml-entities",
            f"The PMML {name} is not opened: {error.text}.",
            "Remove the line from the file; no PMML needs it. It makes programs read other files and ask other hosts.",
            verdict="quarantined",
        )
    if error.code == "truncated":
        text = f"The PMML {name} is incomplete: {error.text}."
        return FormatError("truncated", text, "Upload the complete file in its place.")
    if error.code == "encoding":
        text = f"The PMML {name} is not read: {error.text}."
        return FormatError("pmml-encoding", text, "Save it as UTF-8.", verdict="unsupported")
    if error.code == "too-complex":
        text = f"The PMML {name} is not read: {error.text}."
        task = "Check with its author that this is the model."
        return FormatError("pmml-too-complex", text, task, verdict="unsupported")
    return FormatError("corrupt", f"The PMML {name} is broken: {error.text}.", "Export the model again.")


def _unsupported(
    path: str, why: str, next_step: str = "Export the model again, as one model of PMML 4.4 or lower."
) -> FormatError:
    return FormatError(
        "unsupported-pmml",
        f"The PMML {quoted(path)} cannot be served: {why}.",
        next_step,
        verdict="unsupported",
    )
