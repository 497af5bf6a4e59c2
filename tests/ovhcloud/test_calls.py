"""Every call that the code makes, found in its text, is one that the contract has."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import migrate
from migrate.contract import Operation, contract
from migrate.ovhcloud import calls

ROOT = Path(migrate.__file__).parent


class Found:
    """A ``call(calls.NAME, ...)`` in the code."""

    def __init__(self, where: str, call: ast.Call, made: calls.Call) -> None:
        self.where = where
        self.method = made.method
        self.template = made.template
        self.keywords = {item.arg: item.value for item in call.keywords if item.arg}

    def keys(self, keyword: str) -> set[str] | None:
        """The names in a dict given as keyword; None when it is not written out."""
        value = self.keywords.get(keyword)
        if value is None:
            return set()
        if not isinstance(value, ast.Dict):
            return None
        names = [key.value for key in value.keys if isinstance(key, ast.Constant)]
        assert len(names) == len(value.keys), f"{self.where}: {keyword} is not written out"
        return {str(name) for name in names}

    def operation(self) -> Operation:
        return contract().paths[self.template][self.method]


def calls_in(path: Path) -> Iterator[Found]:
    text = path.read_text()
    if ".call" not in text:
        return  # parsing every file takes a second, in each process that collects
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "call":
            continue
        receiver = ast.unparse(node.func.value)
        if not receiver.lower().endswith(("cloud", "session", "api")):
            continue  # a rehearsal's call, for one
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Name) and first.id == "call":
            continue  # the one that hands on what it was given
        where = f"{path.relative_to(ROOT)}:{node.lineno}"
        assert isinstance(first, ast.Attribute), f"{where}: the call must be named as calls.NAME"
        yield Found(where, node, getattr(calls, first.attr))


ALL = [found for path in sorted(ROOT.rglob("*.py")) if "sandbox" not in path.parts for found in calls_in(path)]


def test_the_calls_are_found() -> None:
    assert len(ALL) >= 30
    assert {"GET", "POST", "PUT", "DELETE"} == {found.method for found in ALL}


@pytest.mark.parametrize("found", ALL, ids=lambda found: f"{found.method} {found.template}")
def test_a_call_is_in_the_contract(found: Found) -> None:
    assert found.template in contract().paths, found.where
    assert found.method in contract().paths[found.template], found.where
    params = found.operation().params
    paths = {item.name for item in params if item.place == "path"}
    given = found.keys("params")
    assert given is not None, f"{found.where}: params are not written out"
    filled = given | ({"serviceName"} if "serviceName" in paths else set())
    assert filled == paths, found.where
    query = found.keys("query")
    assert query is not None, f"{found.where}: the query is not written out"
    known = {item.name: item for item in params if item.place == "query"}
    assert query <= set(known), found.where
    assert {name for name, item in known.items() if item.required} <= query, found.where


@pytest.mark.parametrize("found", ALL, ids=lambda found: f"{found.method} {found.template}")
def test_a_body_has_the_contracts_fields(found: Found) -> None:
    bodies = [item for item in found.operation().params if item.place == "body"]
    if not bodies:
        assert "body" not in found.keywords, found.where
        return
    assert "body" in found.keywords, found.where
    given = found.keys("body")
    if given is None:
        assert found.template.endswith(("/ai/app", "/scalingstrategy")), f"{found.where}: checked in tests/apps instead"
        return
    fields = contract().models[bodies[0].type].fields
    assert given <= set(fields), found.where
    assert not [name for name in given if fields[name].read_only], found.where
    assert {name for name, field in fields.items() if field.required} <= given, found.where
