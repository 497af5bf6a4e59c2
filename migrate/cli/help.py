"""Help under headings, without rich: it answers in half the time (decisions: Help without rich)."""

from typing import TYPE_CHECKING

from typer.core import TyperCommand, TyperGroup

from migrate.core.options.declaration import Counts

if TYPE_CHECKING:
    from typer._click.core import Context
    from typer._click.formatting import HelpFormatter


class GroupedHelp(TyperGroup):
    """A group whose help lists its commands under the panels they were registered with, in that order."""

    def list_commands(self, ctx: "Context") -> list[str]:  # noqa: ARG002 - the order of registration, not of letters
        """The names of the commands as they were registered."""
        return list(self.commands)

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Writes one section a panel."""
        panels: dict[str, list[tuple[str, str]]] = {}
        width = formatter.width - 6 - max(map(len, self.commands))
        for name in self.list_commands(ctx):
            command = self.commands[name]
            if not command.hidden:
                panel = getattr(command, "rich_help_panel", None)
                title = panel if isinstance(panel, str) else "Commands"
                panels.setdefault(title, []).append((name, command.get_short_help_str(width)))
        for title, rows in panels.items():
            with formatter.section(title):
                formatter.write_dl(rows)


class WithExample(TyperCommand):
    """A command whose help has its options under where they count, and ends in its example, kept line by line."""

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Writes one section for the arguments, and one for each place where options count."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                argument = parameter.param_type_name == "argument"
                panel = getattr(parameter, "rich_help_panel", None) or Counts.TOOL.value  # typer's own --help
                sections.setdefault("Arguments" if argument else panel, []).append(record)
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: "Context", formatter: "HelpFormatter") -> None:  # noqa: ARG002 - the base's signature
        """Writes the example under its own heading, not wrapped, so that it can be copied."""
        if self.epilog:
            with formatter.section("Example"):
                for line in self.epilog.splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
