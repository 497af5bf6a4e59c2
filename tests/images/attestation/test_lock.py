import re

import pytest

from migrate.core.errors import LocalError
from migrate.images.attestation.lock import Wheel, as_wheels, counting, described, licence_of, parse_lock
from migrate.images.runtime.templates import runtimes
from tests.images.attestation.parts import lock_text

MARKED = """\
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:{a}
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:{b} \\
    --hash=sha256:{a}
Soup_Sieve==2.10 ; python_full_version < '3.11.5'
colorama==0.4.6 ; sys_platform == 'win32'
# a comment
torch==2.13.0 ; sys_platform != 'linux'
torch==2.13.0+cpu ; sys_platform == 'linux'
""".format(a="a" * 64, b="b" * 64)


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        ("3.11", [("numpy", "2.4.6"), ("soup-sieve", "2.10"), ("torch", "2.13.0+cpu")]),
        ("3.12", [("numpy", "2.5.5"), ("torch", "2.13.0+cpu")]),
    ],
)
def test_what_counts_is_what_uv_installs_for_the_image(python: str, expected: list[tuple[str, str]]) -> None:
    assert [(pin.name, pin.version) for pin in counting(parse_lock(MARKED), python)] == expected


def test_hashes_are_those_of_the_line() -> None:
    first, second, third, *_ = parse_lock(MARKED)
    assert (first.hashes, second.hashes, third.hashes) == (("a" * 64,), ("a" * 64, "b" * 64), ())
    with pytest.raises(ValueError, match="not pinned"):
        parse_lock("numpy>=2")


@pytest.mark.parametrize("runtime", runtimes())
def test_no_line_of_a_lock_is_overlooked(runtime: str) -> None:
    text = lock_text(runtime)
    pins = parse_lock(text)
    assert [f"{pin.name}=={pin.version}" for pin in pins] == re.findall(r"^[a-z0-9-]+==[0-9][^ ]*", text, re.MULTILINE)
    assert sum(len(pin.hashes) for pin in pins) == text.count("--hash=sha256:")
    assert all(pin.hashes for pin in pins)


def test_packages_that_are_not_those_of_the_lock_are_refused() -> None:
    pins = counting(parse_lock(MARKED), "3.12")
    right = [Wheel(name="numpy", version="2.5.5", licence="BSD-3-Clause"), Wheel(name="torch", version="2.13.0+cpu")]
    assert [wheel.licence for wheel in as_wheels(pins, right)] == ["BSD-3-Clause", ""]
    for wrong in (
        right[:1],
        [*right, Wheel(name="more", version="1")],
        [right[0], Wheel(name="torch", version="2.13.0")],
    ):
        with pytest.raises(LocalError, match=r"not those of its lock: (more|torch)") as caught:
            as_wheels(pins, wrong)
        assert caught.value.code == "wheels-failed"


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        ("License-Expression: MIT AND Apache-2.0\nLicense: x\nClassifier: License :: Other", "MIT AND Apache-2.0"),
        ("License: BSD\nClassifier: License :: OSI Approved :: BSD License", "BSD License"),
        ("Classifier: License :: OSI Approved\nLicense: MIT", "MIT"),
        ("License: Copyright (c) 2020\n        Permission is granted", "Copyright (c) 2020"),
        ("Summary: none", ""),
    ],
)  # fmt: skip
def test_the_licence_is_what_the_metadata_says_best(lines: str, licence: str) -> None:
    wheel = described(f"Metadata-Version: 2.4\nName: Some_Thing\nVersion: 1.0\n{lines}\n\ntext".encode())
    assert wheel == Wheel(name="some-thing", version="1.0", licence=licence)


def test_two_classifiers_are_both_said() -> None:
    both = [
        "License :: OSI Approved :: MIT License",
        "License :: OSI Approved :: Apache Software License",
        "Topic :: X",
    ]
    assert licence_of(expression="", text="", classifiers=both) == "Apache Software License AND MIT License"
