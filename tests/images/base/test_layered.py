"""What a base image is, read from its layers."""

from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.images.base.layered import Contents, look, look_into
from migrate.images.base.stored import at_path, read_image
from tests.images.base.layouts import ELF, LIBC, Layout, Made, debian, digest_of, folder, hard, link, packed


def looked(path: Path, *layers: list[Made], environment: list[str] | None = None) -> Contents:
    layout = Layout(path)
    layout.add(layout.image(*(packed(*layer) for layer in layers), environment=environment))
    blobs = at_path(layout.path)
    return look(read_image(blobs), blobs.name)


DEBIAN = Contents(python="3.11", libc="glibc 2.36")
OLDER = LIBC.replace(b"2.36", b"2.31")


@pytest.mark.parametrize(
    "layers",
    [
        [debian()],
        [[entry] for entry in debian()],
        [debian(), [Made("usr/lib/x86_64-linux-gnu/.wh.libm.so.6"), Made("etc/x")]],
        [[*debian(), hard("usr/local/bin/python3.11", "usr/bin/python3.11")]],
        [[Made("usr/bin/python3.11", b"another")], debian()],
        [[Made("usr/bin/python3", ELF)], [Made("usr/bin/.wh..wh..opq"), *debian()]],
    ],
    ids=["one", "many", "whiteout beside", "hard link", "replaced", "opaque"],
)
def test_pythons_and_libraries_are_found(tmp_path: Path, layers: list[list[Made]]) -> None:
    assert looked(tmp_path / "layout", *layers) == DEBIAN


def test_the_first_python_of_the_path_counts(tmp_path: Path) -> None:
    official = [
        *debian("python3.11"),
        link("usr/local/bin/python3", "/usr/local/bin/../lib/../bin/python3.13"),
        Made("usr/local/bin/python3.13", ELF),
    ]
    assert looked(tmp_path / "a", official).python == "3.13"
    assert looked(tmp_path / "b", official, environment=["PATH=/usr/bin:/usr/local/bin"]).python == "3.11"
    gone = [Made("usr/local/bin/.wh.python3")]
    assert looked(tmp_path / "c", official, gone).python == "3.11"
    gone = [Made("usr/.wh.local")]
    assert looked(tmp_path / "d", official, gone).python == "3.11"


def test_a_library_under_an_older_name(tmp_path: Path) -> None:
    entries = [entry for entry in debian() if "libc" not in entry.info.name]
    entries += [link("usr/lib/x86_64-linux-gnu/libc.so.6", "libc-2.31.so")]
    entries += [Made("usr/lib/x86_64-linux-gnu/libc-2.31.so", OLDER)]
    assert looked(tmp_path / "a", entries).libc == "glibc 2.31"


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ([[folder("etc")]], "no python3"),
        ([debian(), [Made("usr/bin/.wh.python3.11")]], "no python3"),
        ([debian("pypy3.10")], "tells no version"),
        ([debian(machine=183)], "another machine"),
        ([[link("usr/bin/python3", "python3.11"), link("usr/bin/python3.11", "python3")]], "no python3"),
        ([[link("usr/bin/python3", "../../../../x/python3.11")]], "no python3"),
    ],
)
def test_a_base_without_a_fit_python_is_refused(tmp_path: Path, layers: list[list[Made]], why: str) -> None:
    with pytest.raises(LocalError, match=why) as error:
        looked(tmp_path / "layout", *layers)
    assert error.value.code == "base-unusable"


def test_another_c_library_is_told(tmp_path: Path) -> None:
    entries = [entry for entry in debian() if "libc" not in entry.info.name]
    assert looked(tmp_path / "a", entries).libc == ""
    assert looked(tmp_path / "b", [*entries, Made("lib/ld-musl-x86_64.so.1", ELF)]).libc == "musl"


def test_a_base_is_as_an_engine_would_say(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "layout")
    layout.add(layout.image(packed(*debian())))
    blobs = at_path(layout.path)
    image = read_image(blobs)
    base = look_into(image, blobs.name)
    assert (base.python, base.libc, base.reference) == ("3.11", "glibc 2.36", f"oci:{layout.path}")
    assert base.image_id == digest_of(image.configuration)


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        (debian("python3.9"), "cpython 3.9"),
        (debian(libc=LIBC.replace(b"2.36", b"2.17")), "glibc 2.17"),
        ([*debian(libc=b""), Made("lib/ld-musl-x86_64.so.1", ELF)], "musl"),
    ],
)
def test_a_base_that_cannot_carry_the_wheels_is_refused(tmp_path: Path, entries: list[Made], why: str) -> None:
    layout = Layout(tmp_path / "layout")
    layout.add(layout.image(packed(*entries)))
    blobs = at_path(layout.path)
    with pytest.raises(LocalError, match=why) as error:
        look_into(read_image(blobs), blobs.name)
    assert error.value.code == "base-unusable"
