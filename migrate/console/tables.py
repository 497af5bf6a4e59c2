"""Tables for the commands that look: list, status."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from migrate.console.words import lines, safe, size
from migrate.core.looking import Contacts, Places
from migrate.core.values import Listing, ModelRecord

if TYPE_CHECKING:
    from rich.console import Console

_ROWS: Final = 1000  # of a table that a person reads; drawing takes seconds for each ten thousand


def show_rows(console: "Console", columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
    """A table of texts: they are made fit for a terminal, and the first column is never cut."""
    if title:
        console.print(Text(title, style="bold"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=position == 0)
    for row in rows[:_ROWS]:
        table.add_row(*(Text(safe(cell, 400)) for cell in row))
    console.print(table)
    if len(rows) > _ROWS:
        console.print(f"and {len(rows) - _ROWS:,} more; with --json all are named")


def show_listing(console: "Console", listing: Listing) -> None:
    """The models of a source, and what else lies in it."""
    rows = [(model.id, model.framework or "?", place(model), _said(model)) for model in listing.models]
    if rows:
        show_rows(console, ("Model", "Framework", "Files", "ML Serving said"), rows)
    else:
        console.print("No model was found.")
    if listing.ignored:
        ignored = [(item.path, size(item.size), item.reason) for item in listing.ignored]
        console.print()
        show_rows(console, ("Ignored", "Size", "Why"), ignored)


def place(model: ModelRecord) -> str:
    """Where a model's files lie, in words."""
    return model.location.words if model.location else "nowhere known"


def show_contacts(console: "Console", found: Contacts) -> None:
    """The hosts that commands contact, each with the way to it, and below it why, and by which commands."""
    width = max(len(safe(one.host, 200)) for one in found.contacts)
    for one in found.contacts:
        console.print(Text.assemble((f"{safe(one.host, 200):<{width}}  ", "bold"), safe(one.via, 200)), soft_wrap=True)
        console.print(Text(f"    {safe(one.why, 400)} ({', '.join(one.commands)})", style="dim"), soft_wrap=True)
    console.print("Nothing else is contacted, and nothing is told to anybody about the use of this tool.")


def _said(model: ModelRecord) -> str:
    return ", ".join(part for part in (model.api_status, model.version_status) if part) or "-"


def show_facts(console: "Console", facts: Mapping[str, str]) -> None:
    """Names and texts, one a line, aligned."""
    width = max((len(name) for name in facts), default=0)
    for name, text in facts.items():
        console.print(Text.assemble((f"{name:<{width}}  ", "bold"), lines(text, 2000)), soft_wrap=True)


def show_places(console: "Console", places: Places) -> None:
    """The namespaces, containers and buckets of a project, each with what to type."""
    console.print(Text(f"Project {safe(places.project)}", style="bold"))
    if places.serving:
        console.print(Text(safe(places.serving, 400), style="yellow"))
    if places.buckets:
        console.print(Text(f"S3 buckets cannot be seen: {safe(places.buckets, 400)}", style="yellow"))
    rows = [
        (
            place.source,
            place.kind,
            "" if place.objects is None else f"{place.objects:,}",
            "" if place.size is None else size(place.size),
            place.text,
        )
        for place in places.places
    ]
    if rows:
        show_rows(console, ("Source", "Kind", "Objects", "Size", ""), rows)
        console.print("See the models of one: migrate list SOURCE")
    else:
        console.print("There is no namespace, no container and no S3 bucket in this project.")
