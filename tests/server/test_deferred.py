"""Packages that run when something of them is used, as if they had been imported then."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.server.engines.deferred import complete, defer, is_complete

FILES = {
    "large/__init__.py": (
        "from large.ran import RAN\nRAN.append('large')\nfrom large import part\nwhole = part.value + 1\n"
    ),
    "large/ran.py": "RAN = []\n",
    "large/part.py": "from large.ran import RAN\nRAN.append('part')\nvalue = 1\n",
    "large/inner/__init__.py": "from large.ran import RAN\nRAN.append('inner')\nnumber = 5\n",
    "large/inner/deep.py": "from large.inner import number\n",
}


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What has run of a package that can be imported, in order."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    defer("large")
    yield importlib.import_module("large.ran").RAN
    for name in [name for name in sys.modules if name.partition(".")[0] == "large"]:
        del sys.modules[name]


def test_a_module_is_imported_without_its_package(ran: list[str]) -> None:
    part = importlib.import_module("large.part")
    assert (ran, part.value) == (["part"], 1)
    assert importlib.import_module("large").part is part
    assert ran == ["part"]


def test_the_first_use_of_anything_else_runs_the_package(ran: list[str]) -> None:
    large = importlib.import_module("large")
    assert ran == []
    assert large.whole == 2
    assert ran == ["large", "part"]
    assert importlib.import_module("large") is large
    with pytest.raises(AttributeError, match="large"):
        _ = large.nothing
    assert not complete("large")
    defer("large")
    assert large.whole == 2
    assert ran == ["large", "part"]


def test_it_can_be_asked_to_run(ran: list[str]) -> None:
    assert not is_complete("large")
    assert complete("large")
    assert is_complete("large")
    assert not complete("large")
    assert ran == ["large", "part"]


def test_what_is_known_of_it_does_not_run_it(ran: list[str]) -> None:
    defer("large.inner", known={"number": 4})
    inner = importlib.import_module("large.inner")
    assert (inner.number, ran) == (4, [])
    complete("large.inner")
    assert (inner.number, ran) == (5, ["inner"])


def test_its_modules_run_it_where_they_need_it(ran: list[str]) -> None:
    defer("large.inner", modules=False)
    assert ran == []
    assert importlib.import_module("large.inner.deep").number == 5
    assert ran == ["inner"]


def test_what_there_is_not_is_not_there(ran: list[str]) -> None:
    for name in ("no_such_package", "large.nothing", "no_such_package.inner"):
        with pytest.raises(ModuleNotFoundError):
            defer(name)
    assert ran == []
