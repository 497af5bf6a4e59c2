"""The rights that this tool needs, in lines that can be copied."""

from typing import TYPE_CHECKING, Final

from rich.text import Text

from migrate.console.words import whole
from migrate.core.permissions import Permissions

if TYPE_CHECKING:
    from rich.console import Console

_ALWAYS: Final = "always"


def show_rules(console: "Console", found: Permissions) -> None:
    """The rules of a consumer key, and behind each the commands that need it, and when they do."""
    for one in found.rules:
        when = "" if _ALWAYS in one.when else f", {', '.join(one.when)}"
        said = f"  {'/'.join(one.commands)}{when}"
        console.print(Text.assemble(f"{one.method:<6} {whole(one.path)}", (said, "dim")), soft_wrap=True)
    console.print()
    if not found.project:
        console.print(
            "These hold in every project of the account, and allow everything in it to be read; --project names one."
        )
    console.print("The page that makes a key with them: migrate permissions --as link", soft_wrap=True)
    console.print("The policy of a service account:     migrate permissions --as iam", soft_wrap=True)
