"""The list of prices: the project's own, with a source for each, or the user's."""

import re
import tomllib
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from migrate.core.errors import UsageError
from migrate.core.planfile.content import Before, Date, FlavorPrice, Line, Name, PricesUsed
from migrate.core.text import printable, type_again
from migrate.machine.files import read_bounded

OURS: Final = Path(__file__).with_name("prices.toml")

_LARGEST: Final = 1_000_000  # bytes
_FORM: Final = (
    'Write date = "2026-11" and, for each flavor, [flavors.ai1-1-cpu] with hour = "0.03"; what you paid before stands '
    'under [before] as total = "120", or under [before.models] as MODEL = "30".'
)
_AMOUNT: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?", re.ASCII)

Price = Annotated[str, Meta(max_length=16)] | int | float


class _Flavor(Struct, forbid_unknown_fields=True):
    hour: Price
    source: Line = ""


class _Before(Struct, forbid_unknown_fields=True):
    total: Price | None = None
    models: dict[Name, Price] = {}


class _List(Struct, forbid_unknown_fields=True):
    date: Date
    flavors: dict[Annotated[str, Meta(max_length=200)], _Flavor] = {}
    hours: Annotated[int, Meta(ge=1, le=744)] = 730
    before: _Before = msgspec.field(default_factory=_Before)


class PriceList(Struct, frozen=True):
    """Prices by flavor, EUR an hour and unit, with where each is from; and what was paid before, if that is said."""

    prices: PricesUsed

    def of(self, flavors: Iterable[str]) -> PricesUsed:
        """The prices of these flavors, by name; one that is not in the list is unknown."""
        known = {price.flavor: price for price in self.prices.flavors}
        used = tuple(known.get(name, FlavorPrice(flavor=name, hour=None)) for name in sorted(set(flavors)))
        return msgspec.structs.replace(self.prices, flavors=used)


def read_prices(path: Path | None) -> PriceList:
    """The user's list, or the project's where ``path`` is None. TOML, or JSON of the same form.

    Raises:
        UsageError: ``bad-prices``.
    """
    source = path or OURS
    data = read_bounded(source, _LARGEST, lambda reason: _refused(source, reason))
    try:
        found = msgspec.convert(_parsed(source, data), _List, strict=True)
        flavors = tuple(
            FlavorPrice(flavor=name, hour=_amount(one.hour), source=printable(one.source, 400))
            for name, one in sorted(found.flavors.items())
        )
        before = Before(
            total=None if found.before.total is None else _amount(found.before.total),
            models=tuple((name, _amount(paid)) for name, paid in sorted(found.before.models.items())),
        )
    except (ValueError, RecursionError) as error:  # TOML, JSON, UTF-8 and msgspec's own are all of this kind
        raise _refused(source, printable(str(error) or "it is nested too deeply", 300)) from error
    used = PricesUsed(
        origin="project" if path is None else "yours",
        date=found.date,
        hours=found.hours,
        flavors=flavors,
        before=before,
    )
    return PriceList(used)


def _parsed(path: Path, data: bytes) -> Any:
    if path.suffix.lower() == ".json":
        return msgspec.json.decode(data)
    return tomllib.loads(data.decode())


def _amount(value: str | float) -> str:
    """An amount as a plan has it.

    Raises:
        ValueError: It is none.
    """
    try:
        text = format(Decimal(str(value)), "f") if len(str(value)) <= 16 else ""
    except InvalidOperation:
        text = ""
    if not _AMOUNT.fullmatch(text):
        message = f"{printable(str(value), 40)} is no amount in EUR, such as 0.03"
        raise ValueError(message)
    return text


def _refused(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"The prices in {printable(str(path), 300)} cannot be read: {reason.removesuffix('.')}.",
        code="bad-prices",
        next_step=type_again(_FORM.removesuffix(".")),
    )
