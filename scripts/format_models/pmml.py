"""PMML written by hand from fitted numbers: a regression of version 4.2, a tree of version 4.4."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from format_models.torch_models import FIELDS, SPECIES, probabilities_of
from format_models.writing import fitted, write_sample
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

Element = ET.Element


def make_regression(folder: Path, samples: Path) -> None:
    """Species by multinomial regression, the probability of each as an output field; a missing petal is replaced."""
    data, target = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(data, target)
    weights, bias = fitted(model.coef_.T), fitted(model.intercept_)
    root, regression = _document("4.2", "RegressionModel", functionName="classification", normalizationMethod="softmax")
    _schema(regression, {FIELDS[3]: "1.3"})
    output = _add(regression, "Output")
    for label in SPECIES:
        _add(
            output,
            "OutputField",
            name=f"p_{label}",
            feature="probability",
            value=label,
            dataType="double",
            optype="continuous",
        )
    for place, label in enumerate(SPECIES):
        table = _add(regression, "RegressionTable", intercept=repr(float(bias[place])), targetCategory=label)
        for row, name in enumerate(FIELDS):
            _add(table, "NumericPredictor", name=name, coefficient=repr(float(weights[row, place])))
    _write(root, folder / "species-regression.pmml")
    for name, rows in {"one": [0], "three": [10, 70, 120]}.items():
        found = probabilities_of(data[rows], weights, bias)
        answer: dict[str, Any] = {"species": [SPECIES[place] for place in found.argmax(axis=1)]}
        answer |= {f"p_{label}": found[:, place].tolist() for place, label in enumerate(SPECIES)}
        _sample(samples, name, data[rows].tolist(), answer)


def make_tree(folder: Path, samples: Path) -> None:
    """Species by a tree; where a value is missing there is no prediction."""
    data, target = load_iris(return_X_y=True)
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(data, target)
    root, tree = _document(
        "4.4", "TreeModel", functionName="classification", splitCharacteristic="binarySplit",
        missingValueStrategy="nullPrediction", noTrueChildStrategy="returnNullPrediction",
    )  # fmt: skip
    _schema(tree, {})
    _node(tree, model.tree_, 0, None)
    _write(root, folder / "species-tree.pmml")
    for name, rows in {"one": [0], "three": [10, 70, 120]}.items():
        labels = [SPECIES[place] for place in model.predict(data[rows])]
        _sample(samples, name, data[rows].tolist(), {"species": labels})


def _sample(samples: Path, name: str, rows: list[list[float]], answer: dict[str, Any]) -> None:
    single = len(rows) == 1
    request = {field: [row[place] for row in rows] for place, field in enumerate(FIELDS)}
    if single:
        request = {field: values[0] for field, values in request.items()}
        answer = {key: values[0] for key, values in answer.items()}
    write_sample(samples, name, request, answer)


def _document(version: str, kind: str, **attributes: str) -> tuple[Element, Element]:
    root = ET.Element("PMML", version=version, xmlns=f"http://www.dmg.org/PMML-{version.replace('.', '_')}")
    _add(root, "Header", description="Species of iris by four measurements")
    dictionary = _add(root, "DataDictionary", numberOfFields="5")
    for name in FIELDS:
        field = _add(dictionary, "DataField", name=name, optype="continuous", dataType="double")
        _add(field, "Interval", closure="closedClosed", leftMargin="0", rightMargin="20")
    field = _add(dictionary, "DataField", name="species", optype="categorical", dataType="string")
    for label in SPECIES:
        _add(field, "Value", value=label)
    return root, _add(root, kind, modelName="species", **attributes)


def _schema(model: Element, replacements: dict[str, str]) -> None:
    schema = _add(model, "MiningSchema")
    for name in FIELDS:
        more = {"missingValueReplacement": replacements[name]} if name in replacements else {}
        _add(schema, "MiningField", name=name, invalidValueTreatment="asMissing", **more)
    _add(schema, "MiningField", name="species", usageType="target")


def _node(parent: Element, tree: Any, place: int, predicate: dict[str, str] | None) -> None:
    counts = tree.value[place][0]
    node = _add(parent, "Node", score=SPECIES[int(counts.argmax())], id=str(place))
    if predicate is None:
        _add(node, "True")
    else:
        _add(node, "SimplePredicate", **predicate)
    if tree.children_left[place] == -1:
        return
    field, threshold = FIELDS[tree.feature[place]], repr(round(float(tree.threshold[place]), 5))
    _node(node, tree, tree.children_left[place], {"field": field, "operator": "lessOrEqual", "value": threshold})
    _node(node, tree, tree.children_right[place], {"field": field, "operator": "greaterThan", "value": threshold})


def _add(parent: Element, tag: str, **attributes: str) -> Element:
    return ET.SubElement(parent, tag, attributes)


def _write(root: Element, path: Path) -> None:
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
