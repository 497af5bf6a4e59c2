from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.errors import RefusedError
from migrate.sources.paths import check_paths, inside


@pytest.mark.parametrize(
    "names",
    [
        ["model.onnx"],
        ["a/b/c", "a/b/d", "a.b"],
        ["müller.onnx", "日本/model"],
        ["with space", "...", "..a", "a..", "-rf", "~", "$(nowhere)", "a:b", "'\""],
        ["x" * 255],
    ],
)
def test_ordinary_names(names: list[str]) -> None:
    check_paths(names)


@pytest.mark.parametrize(
    "names",
    [
        [".."],
        ["."],
        [""],
        ["../x"],
        ["a/../../x"],
        ["a/./b"],
        ["a//b"],
        ["a/"],
        ["/words.txt"],
        ["a\\..\\b"],
        ["a\0b"],
        ["a\nb"],
        ["\x1b[2J"],
        ["a\x7f"],
        ["a\x85b"],
        ["a\u2028b"],
        ["\udcff"],
        ["x" * 256],
        ["é" * 128],
        ["/".join(["x" * 100] * 11)],
        ["Model", "model"],
        ["A/x", "a/y"],
        ["\u00e9", "e\u0301"],
        ["straße", "STRASSE"],
        ["a", "a/b"],
        ["a/b/c", "a/b"],
    ],
)
def test_hostile_names_are_refused(names: list[str]) -> None:
    with pytest.raises(RefusedError) as caught:
        check_paths(names)
    assert caught.value.code == "hostile-path"
    assert caught.value.what.isprintable()
    assert caught.value.next_step


@given(st.lists(st.text(max_size=40), max_size=6))
def test_whatever_passes_stays_inside(names: list[str]) -> None:
    folder = Path("/store/partial/files")
    try:
        check_paths(names)
    except RefusedError:
        return
    for name in names:
        path = inside(folder, name)
        assert path != folder
        assert path.is_relative_to(folder)
        assert ".." not in path.parts
        assert path.relative_to(folder).as_posix() == name


def test_inside_refuses_by_itself() -> None:
    with pytest.raises(RefusedError):
        inside(Path("/store"), "../x")
