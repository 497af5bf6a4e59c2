"""What was put into a bundle, and what was taken out."""

import shlex
from typing import TYPE_CHECKING

from rich.text import Text

from migrate.console.words import safe
from migrate.core.looking import Bundled

if TYPE_CHECKING:
    from rich.console import Console


def show_bundled(console: "Console", told: Bundled) -> None:
    """The archive with its files, and, where that was asked, what each rule removed and who is who."""
    console.print(
        Text(f"{safe(told.path, 400)}  ({told.size:,} bytes); nothing was sent", style="bold"), soft_wrap=True
    )
    for file in told.files:
        console.print(Text(f"  {file.name:<13} {file.size:>9,}  {file.about}"), soft_wrap=True)
    if told.removed:
        console.print(Text("\nRemoved", style="bold"))
        for one in told.removed:
            console.print(Text(f"  {one.times:>7,}  {one.about}: {one.instead} instead"), soft_wrap=True)
    if told.names:
        console.print(Text("\nWho is who; this is not in the bundle, and is for you", style="bold"))
        width = max(map(len, told.names))
        for pseudonym, name in told.names.items():
            console.print(Text(f"  {pseudonym:<{width}}  {safe(name, 200)}"), soft_wrap=True)
    console.print(
        Text.assemble(
            ("\nNext  ", "bold"), f"Read it before you send it: unzip -p {safe(shlex.quote(told.path), 500)}"
        ),
        soft_wrap=True,
    )
