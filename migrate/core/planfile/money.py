"""Sums of EUR in which something may be unknown: never 0 for what nobody knows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, get_args

from migrate.core.planfile.content import FileVerdict, Month, PlannedApp, PlannedModel, PricesUsed, Summary, Tally

_CENT: Final = Decimal("0.01")
UNKNOWN: Final = Month(least=None, most=None, known=False)
NOTHING: Final = Month(least="0.00", most="0.00", known=True)


def amount(value: Decimal) -> str:
    """An amount in EUR to the cent."""
    return str(value.quantize(_CENT, rounding=ROUND_HALF_UP))


def month_of(prices: PricesUsed, flavor: str, cpu: int, replicas: tuple[int, int]) -> Month:
    """What an app costs in a month of ``prices.hours``, with the least and the most replicas all the time."""
    price = next((one.hour for one in prices.flavors if one.flavor == flavor), None)
    if price is None:
        return UNKNOWN
    least, most = (amount(Decimal(price) * cpu * count * prices.hours) for count in replicas)
    return Month(least=least, most=most, known=True)


def total(months: Iterable[Month]) -> Month:
    """The sum; ``known`` only where all of them are."""
    parts = list(months)
    if not parts:
        return NOTHING
    if all(part.least is None for part in parts):
        return UNKNOWN
    least = sum((Decimal(part.least) for part in parts if part.least is not None), Decimal(0))
    most = sum((Decimal(part.most) for part in parts if part.most is not None), Decimal(0))
    return Month(least=amount(least), most=amount(most), known=all(part.known for part in parts))


def twice(prices: PricesUsed, apps: Iterable[PlannedApp]) -> Month:
    """What the apps cost where each has two replicas all the time, as with ``--replicas 2``."""
    return total(month_of(prices, app.flavor, app.cpu, (2, 2)) for app in apps)


def before(prices: PricesUsed, models: Iterable[str]) -> Month:
    """What was paid for these models a month, as far as the user said it."""
    if prices.before.total is not None:
        return Month(least=prices.before.total, most=prices.before.total, known=True)
    paid = dict(prices.before.models)
    return total(Month(least=paid[name], most=paid[name], known=True) if name in paid else UNKNOWN for name in models)


def summary_of(models: Sequence[PlannedModel], apps: Sequence[PlannedApp], prices: PricesUsed) -> Summary:
    """The sums of a plan."""
    verdicts = Counter(model.verdict for model in models)
    return Summary(
        verdicts=tuple(Tally(verdict=one, models=verdicts[one]) for one in get_args(FileVerdict) if verdicts[one]),
        apps=len(apps),
        cpus=sum(app.cpu * app.replicas[0] for app in apps),
        month=total(app.month for app in apps),
        twice=twice(prices, apps),
        before=before(prices, [model.id for model in models]),
    )


def in_words(month: Month) -> str:
    """Such as ``21.90 EUR``, ``21.90 to 65.70 EUR``, ``at least 21.90 EUR``, ``unknown``."""
    if month.least is None or month.most is None:
        return "unknown"
    start = "" if month.known else "at least "
    return f"{start}{month.least} EUR" if month.least == month.most else f"{start}{month.least} to {month.most} EUR"
