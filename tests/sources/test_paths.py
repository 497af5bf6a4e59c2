import os
import subprocess
import sys
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


@pytest.mark.skipif(sys.getfilesystemencoding() != "utf-8", reason="this locale cannot write all of them")
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


NARROW = """
from pathlib import Path
from migrate.core.errors import LocalError
from migrate.sources.paths import inside
assert inside(Path("/x"), "plain") == Path("/x/plain")
try:
    inside(Path("/x"), chr(0x65E5))
except LocalError as error:
    print(error.code, ascii(error.what))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="file names are UTF-8 there, whatever the locale")
def test_a_name_that_the_locale_cannot_write_is_told() -> None:
    ascii_alone = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", NARROW]
    done = subprocess.run(command, env=ascii_alone, capture_output=True, text=True, encoding="ascii", check=True)
    assert done.stdout.startswith("locale \"The file name '\\u65e5' cannot be written here: ")
    assert "encoding is ascii" in done.stdout
