"""Sums in which something is unknown: said to be at least what is known, and never 0."""

from msgspec.structs import replace

from migrate.core.planfile import money
from migrate.core.planfile.content import Before, FlavorPrice, Month
from tests.core.planfile.samples import PRICES, app


def test_an_app_costs_its_units_and_replicas_for_the_hours_of_a_month() -> None:
    assert money.month_of(PRICES, "ai1-1-cpu", 2, (1, 3)) == Month(least="43.80", most="131.40", known=True)
    assert money.month_of(replace(PRICES, hours=744), "ai1-1-cpu", 1, (1, 1)).least == "22.32"
    assert money.month_of(PRICES, "ai1-1-cpu", 1, (0, 2)) == Month(least="0.00", most="43.80", known=True)


def test_what_nobody_knows_is_unknown_and_no_number() -> None:
    unpriced = replace(PRICES, flavors=(FlavorPrice(flavor="ai1-1-cpu", hour=None),))
    for prices, flavor in ((unpriced, "ai1-1-cpu"), (PRICES, "ai1-1-gpu")):
        month = money.month_of(prices, flavor, 1, (1, 1))
        assert month == Month(least=None, most=None, known=False)
        assert money.in_words(month) == "unknown"


def test_a_sum_with_an_unknown_in_it_says_at_least() -> None:
    known = Month(least="21.90", most="65.70", known=True)
    assert money.total([known, known]) == Month(least="43.80", most="131.40", known=True)
    assert money.in_words(money.total([known, known])) == "43.80 to 131.40 EUR"
    partly = money.total([known, money.UNKNOWN])
    assert partly == Month(least="21.90", most="65.70", known=False)
    assert money.in_words(partly) == "at least 21.90 to 65.70 EUR"
    assert money.total([partly, known]).known is False
    assert money.total([money.UNKNOWN]) == money.UNKNOWN
    assert money.in_words(money.total([])) == "0.00 EUR", "no app costs nothing"


def test_before_is_what_the_user_said_and_no_more() -> None:
    assert money.before(PRICES, ["iris"]) == money.UNKNOWN
    of_each = replace(PRICES, before=Before(models=(("iris", "40"),)))
    assert money.in_words(money.before(of_each, ["iris"])) == "40.00 EUR"
    assert money.in_words(money.before(of_each, ["iris", "titanic"])) == "at least 40.00 EUR"
    whole = replace(PRICES, before=Before(total="260"))
    assert money.in_words(money.before(whole, ["iris", "titanic"])) == "260 EUR"


def test_two_replicas_of_everything_cost_what_they_cost() -> None:
    assert money.twice(PRICES, [app("iris"), app("titanic", cpu=2)]).least == "131.40"
