"""A plan file as one HTML page that needs no other file and loads nothing."""

from decimal import Decimal
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import Struct

from migrate.console.plan_file import (
    VERDICTS,
    available_twice,
    memory_of,
    month,
    named,
    prices_in_words,
    read_of,
    replicas,
    seconds_of,
    verdicts,
)
from migrate.console.words import count, duration, safe, size
from migrate.core.planfile.content import Month, PlanFile
from migrate.core.planfile.money import in_words

_WIDTH: Final = 560  # of the longest bar, in units of the picture


class Bar(Struct, frozen=True):
    """A bar of the picture: its widths for the least and the most of a month; 0 where that is unknown."""

    name: str
    least: int
    most: int
    text: str


def plan_page(file: PlanFile) -> str:
    """The page's text. Everything from the plan is escaped, for HTML and as a terminal would need it."""
    environment = Environment(
        loader=PackageLoader("migrate.console", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "safe_text": lambda text, limit=4000: safe(str(text), limit),
        "count": count,
        "size": size,
        "duration": duration,
        "named": named,
        "month": month,
        "eur": in_words,
        "replicas": replicas,
        "verdict": VERDICTS.__getitem__,
    }
    plan = file.plan
    return environment.get_template("plan.html.j2").render(
        file=file,
        plan=plan,
        bars=bars(plan.summary.before, plan.summary.month),
        verdicts=verdicts(plan),
        read={model.id: read_of(file, model) for model in plan.models},
        images={runtime.name: runtime.image for runtime in plan.runtimes},
        seconds=seconds_of(file),
        prices=prices_in_words(plan.prices),
        memory={app.name: memory_of(file, app) for app in plan.apps},
        twice=available_twice(plan),
    )


def bars(before: Month, after: Month) -> tuple[Bar, ...]:
    """The bars of before and after, to one scale."""
    amounts = [Decimal(part) for cost in (before, after) for part in (cost.least, cost.most) if part is not None]
    longest = max(amounts, default=Decimal(0)) or Decimal(1)

    def width(part: str | None) -> int:
        return 0 if part is None else round(Decimal(part) / longest * _WIDTH)

    return tuple(
        Bar(name, width(cost.least), width(cost.most), month(cost))
        for name, cost in (("before", before), ("after", after))
    )
