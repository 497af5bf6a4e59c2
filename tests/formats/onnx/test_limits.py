"""The limits of the locked onnxruntime, asked of the installed one."""

import re

import onnxruntime
import pytest
from onnx import helper

from migrate.formats.onnx.description import describe
from migrate.formats.onnx.limits import IR_VERSION, ONNXRUNTIME, OPSETS
from migrate.formats.reading.errors import FormatError
from tests.formats.models import CHECKOUT, graph, identity, model, value


def loads(data: bytes) -> bool:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(data, options)
    except Exception:  # noqa: BLE001 - onnxruntime raises its own, unexported kinds
        return False
    return True


def refused(data: bytes) -> bool:
    try:
        describe(lambda offset, length: data[offset : offset + length], len(data), {})
    except FormatError as problem:
        return (problem.verdict, problem.reason) == ("unsupported", "newer-than-supported")
    return False


def test_the_limits_are_those_of_the_locked_onnxruntime() -> None:
    assert onnxruntime.__version__ == ONNXRUNTIME
    for lock in ("requirements.lock", "dockerfile_templates/onnx/requirements.lock"):
        versions = re.findall(r"^onnxruntime==([\w.]+)", (CHECKOUT / lock).read_text(), re.MULTILINE)
        assert versions == [ONNXRUNTIME], lock


@pytest.mark.parametrize(("version", "newer"), [(IR_VERSION, False), (IR_VERSION + 1, True), (3, False)])
def test_ir_version(version: int, newer: bool) -> None:
    made = identity()
    made.ir_version = version
    assert loads(made.SerializeToString()) is not newer
    assert refused(made.SerializeToString()) is newer


@pytest.mark.parametrize("domain", sorted(OPSETS))
def test_operator_sets(domain: str) -> None:
    for version, newer in ((OPSETS[domain], False), (OPSETS[domain] + 1, True)):
        made = identity()
        if domain == "ai.onnx":
            made.opset_import[0].domain = domain
        made.opset_import[0].version = OPSETS[""]
        if domain in ("", "ai.onnx"):
            made.opset_import[0].version = version
        else:
            made.opset_import.append(helper.make_opsetid(domain, version))
        assert loads(made.SerializeToString()) is not newer, (domain, version)
        assert refused(made.SerializeToString()) is newer


def test_operators_of_other_domains_do_not_load() -> None:
    node = helper.make_node("Gelu", ["x"], ["y"], domain="com.example")
    made = model(graph([node], [value("x")], [value("y")]), opsets={"": 13, "com.example": 1})
    assert not loads(made.SerializeToString())
    made.graph.node[0].domain = "com.microsoft"
    made.opset_import[1].domain = "com.microsoft"
    assert loads(made.SerializeToString())
    assert not refused(made.SerializeToString())
