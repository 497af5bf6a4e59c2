"""Flows: evaluators one after the other, whose tensors accumulate by name (contract: Old processors)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from migrate.core.model_json import Field, FlowSettings, ModelJson
from migrate.formats.manifest.fields import NUMERIC, FieldReader
from migrate.formats.processors.model import RUNTIME as PROCESSORS
from migrate.formats.reading.case import Case, Found
from migrate.formats.reading.errors import FormatError, quoted

Fields = tuple[Field, ...]
Evaluate = Callable[[Case, FieldReader, Mapping[str, Any]], Found]

MAXIMUM_STEPS: Final = 64
_NUMBERS_ONLY: Final = ("tensorflow", "pi")


def read_flow(case: Case, reader: FieldReader, content: Mapping[str, Any], evaluate: Evaluate) -> Found:
    """``flow``: the settings of each step, and what of their inputs a request must bring.

    Args:
        case: The artifact.
        reader: The flow's manifest.
        content: Its JSON object.
        evaluate: Reads the manifest of a step; all of them name files from the flow's own folder.

    Raises:
        FormatError: The manifest, or that of a step, is not valid.
    """
    reader.only(content, ("evaluator_manifests", "outputs"))
    items = content.get("evaluator_manifests")
    if not isinstance(items, list) or not items or len(items) > MAXIMUM_STEPS:
        reader.fail(f"evaluator_manifests is not a list of 1 to {MAXIMUM_STEPS} manifests")
    found = [_step(case, reader, number, item, evaluate) for number, item in enumerate(items)]
    steps = tuple(one.settings for one in found)
    outputs = _outputs(reader, content, steps)
    window = 1 + sum(step.rolling_windows_size - 1 for step in steps)
    inputs, hidden = _inputs(steps)
    made = ModelJson(
        engine="flow",
        entry=reader.name,
        manifest=True,
        inputs=inputs,
        outputs=outputs,
        rolling_windows_size=window,
        flow=FlowSettings(steps, hidden),
    )
    return Found("flow", runtime_of(one.runtime for one in found), made)


def runtime_of(runtimes: Iterable[str]) -> str:
    """The runtime that has the packages of all these; every one has what the processors need."""
    words = {word for runtime in runtimes for word in runtime.split("+")}
    return "+".join(sorted(words - {PROCESSORS})) or PROCESSORS


def _step(case: Case, reader: FieldReader, number: int, item: object, evaluate: Evaluate) -> Found:
    if not isinstance(item, dict):
        reader.fail(f"step {number} is no manifest")
    if item.get("type") == "flow":
        raise _unsupported(
            reader.name, f"step {number} is a flow itself", "Put the steps of the inner flow in its place."
        )
    if item.get("type") == "onnx" and item.get("binary") is not None:
        raise _unsupported(
            reader.name,
            f"step {number} holds its model as text",
            "Put the model beside it and name it by onnx_model_uri.",
        )
    found = evaluate(case, reader, item)
    if item["type"] in _NUMBERS_ONLY:
        for field in found.settings.inputs:
            if field.type not in NUMERIC:
                reader.fail(f"the input {quoted(field.name)} of step {number} is no number, as a flow wants it")
    return found


def _inputs(steps: tuple[ModelJson, ...]) -> tuple[Fields, Fields]:
    """What no step before gives by its name, or by the names of all its columns.

    What a step takes and gives under the same name is needed too, but ``/describe`` never said so: it comes second.
    """
    produced: set[str] = set()
    found: list[Field] = []
    hidden: list[Field] = []
    for step in steps:
        own = {name for field in step.outputs for name in (field.name, *_columns(field))}
        for field in step.inputs:
            columns = _columns(field)
            if field.name in produced or (columns and columns <= produced):
                continue
            listed = hidden if field.name in own or (columns and columns <= own) else found
            if field not in listed:
                listed.append(field)
        produced |= own
    return tuple(found), tuple(hidden)


def _outputs(reader: FieldReader, content: Mapping[str, Any], steps: tuple[ModelJson, ...]) -> Fields:
    """The outputs that the manifest names, as the last step with them declares them; else those of the last step."""
    if not content.get("outputs"):
        return steps[-1].outputs
    declared = {field.name: field for step in steps for field in step.outputs}
    found: list[Field] = []
    for item in reader.items(content, "outputs"):
        name = reader.field_name(item, "outputs")
        if name not in declared:
            reader.fail(f"no step has the output {quoted(name)}")
        found.append(declared[name])
    return tuple(found)


def _columns(field: Field) -> set[str]:
    return {column.name for column in field.fields}


def _unsupported(name: str, why: str, task: str) -> FormatError:
    return FormatError(
        "unsupported-flow", f"The flow {quoted(name)} cannot be served: {why}.", task, verdict="unsupported"
    )
