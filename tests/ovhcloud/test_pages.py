"""Every app is found, whatever the API means by pages; and no call is made that is not needed."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from migrate.ovhcloud.apps import apps

if TYPE_CHECKING:
    from migrate.ovhcloud.calls import Call
    from migrate.ovhcloud.session import Cloud

Rows = list[dict[str, Any]]
DEFAULT = 20

# What pages may be, for the contract does not say it: from the rows, the page's number and its size.
CONVENTIONS: dict[str, Callable[[Rows, int | None, int | None], Rows]] = {
    "from one": lambda rows, page, size: _cut(rows, ((page or 1) - 1) * (size or DEFAULT), size),
    "from zero": lambda rows, page, size: _cut(rows, (page or 0) * (size or DEFAULT), size),
    "size left alone": lambda rows, page, _: _cut(rows, ((page or 1) - 1) * DEFAULT, None),
    "all at once": lambda rows, page, size: rows,  # noqa: ARG005
}


def _cut(rows: Rows, begin: int, size: int | None) -> Rows:
    return rows[begin : begin + (size or DEFAULT)]


class Pages:
    """OVHcloud's API with so many apps."""

    def __init__(self, convention: str, number: int) -> None:
        self._convention = CONVENTIONS[convention]
        self._rows = [{"id": f"app-{one:03}", "spec": {"image": "i"}} for one in range(number)]
        self.calls = 0

    def call(self, _call: "Call", *, query: dict[str, Any]) -> Rows:
        """One page of the apps."""
        self.calls += 1
        return self._convention(self._rows, query["page"], query["size"])


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 19, 20, 21, 30, 38, 39, 40, 41, 60, 75])
def test_every_app_is_found(convention: str, number: int) -> None:
    cloud = Pages(convention, number)
    assert sorted(app.id for app in apps(cast("Cloud", cloud))) == [f"app-{one:03}" for one in range(number)]
    if not number or number % 10:
        assert cloud.calls == 1 or number > DEFAULT
    elif convention == "from one" and number <= DEFAULT:
        assert cloud.calls == 2
