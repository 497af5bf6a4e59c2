"""The page of licences is that of the locks, and every licence on it is allowed."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def listing() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT / "scripts"))
    yield importlib.import_module("list_licences")
    sys.path.remove(str(ROOT / "scripts"))


@pytest.fixture(scope="module")
def page(listing: ModuleType) -> str:
    text: str = listing.TARGET.read_text(encoding="utf-8")
    return text


def test_the_page_has_every_package_of_every_lock_and_no_other(listing: ModuleType, page: str) -> None:
    told = listing.told(page)
    assert sorted(told) == sorted(listing.pinned()), "make licences"
    assert listing.page(told) == page


def test_each_licence_is_on_the_list(listing: ModuleType, page: str) -> None:
    assert listing.not_allowed(listing.told(page)) == []


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT AND (GPL-3.0-only OR Apache-2.0 WITH LLVM-exception)", True),
        ("Apache-2.0 WITH Classpath-exception-2.0", False),
        ("MIT License AND BSD License", True),
        ("MIT License AND Other/Proprietary License", False),
        ("not said", False),
        ("GNU Affero General Public License (AGPL) version 3.0", False),
    ],
)
def test_a_licence_that_is_not_on_the_list_is_named_with_its_package(
    listing: ModuleType, licence: str, allowed: bool
) -> None:
    found = listing.not_allowed({("new-package", "1.0"): licence})
    assert found == ([] if allowed else [f"new-package 1.0: {licence} is not on the list of licences.toml"])


def test_what_is_allowed_by_name_is_allowed_by_its_words_too(listing: ModuleType) -> None:
    agpl = "GNU Affero General Public License (AGPL) version 3.0"
    assert listing.not_allowed({("jpmml-evaluator", "9"): agpl}) == []
    assert listing.not_allowed({("jpmml-evaluator", "9"): "Commercial"}) != []
