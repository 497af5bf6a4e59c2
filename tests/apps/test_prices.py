"""Lists of prices: the project's, and whatever a person calls one."""

import os
from pathlib import Path

import pytest

from migrate.apps.prices import read_prices
from migrate.core.errors import UsageError
from migrate.core.planfile.content import FlavorPrice

WHOLE = """
date = "2026-11"
hours = 720
[flavors.ai1-1-cpu]
hour = "0.035"
source = "our contract"
[flavors.ai1-1-gpu]
hour = 2
[before]
total = 260.5
[before.models]
iris = "30"
"""


def test_the_projects_list_has_a_date_and_a_source_for_each_price() -> None:
    prices = read_prices(None).prices
    assert prices.origin == "project"
    assert prices.flavors
    assert all(price.source and price.hour and float(price.hour) > 0 for price in prices.flavors)


def test_a_list_of_ones_own_replaces_it(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(WHOLE)
    prices = read_prices(mine)
    used = prices.of(["ai1-1-gpu", "h100-1-gpu", "ai1-1-cpu", "ai1-1-cpu"])
    assert used.flavors == (
        FlavorPrice(flavor="ai1-1-cpu", hour="0.035", source="our contract"),
        FlavorPrice(flavor="ai1-1-gpu", hour="2"),
        FlavorPrice(flavor="h100-1-gpu", hour=None),
    )
    assert (used.origin, used.date, used.hours) == ("yours", "2026-11", 720)
    assert (used.before.total, used.before.models) == ("260.5", (("iris", "30"),))


def test_the_same_as_json(tmp_path: Path) -> None:
    mine = tmp_path / "mine.json"
    mine.write_text('{"date": "2026", "flavors": {"ai1-1-cpu": {"hour": 0.03}}}')
    assert read_prices(mine).prices.flavors[0].hour == "0.03"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "date = 2026-11-01",
        'date = "soon"',
        'date = "2026"\nhours = 0',
        'date = "2026"\nmore = 1',
        'date = "2026"\n[flavors.a]\nhour = "free"',
        'date = "2026"\n[flavors.a]\nhour = -1',
        'date = "2026"\n[flavors.a]\nhour = inf',
        'date = "2026"\n[flavors.a]\nhour = nan',
        'date = "2026"\n[flavors.a]\nhour = "1e99999999"',
        'date = "2026"\n[flavors.a]\nhour = "0,03"',
        'date = "2026"\n[flavors.a]\nprice = 1',
        'date = "2026"\n[before]\ntotal = "x"',
        "[" * 5000,
        "a = " + "[" * 5000,
        "\0",
    ],
    ids=range(16),
)
def test_what_is_no_list_is_refused_in_one_sentence(text: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_prices(mine)
    assert caught.value.code == "bad-prices"
    assert caught.value.what.isprintable()
    assert caught.value.what.endswith(".")


def test_what_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, why in ((pipe, "not a file"), (tmp_path, "not a file"), (tmp_path / "none.toml", "No such file")):
        with pytest.raises(UsageError, match=why) as caught:
            read_prices(path)
        assert caught.value.code == "bad-prices"
    binary = tmp_path / "x.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError):
        read_prices(binary)
