"""From a command's declaration to what typer parses, and back to the command's struct."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import typer

from migrate.core.errors import ExitCode
from migrate.core.options.declaration import Argument, Options, Parameter, parameters


def callback(kind: type[Options], perform: Callable[[Options], ExitCode]) -> Callable[..., ExitCode]:
    """The function that typer calls for a command, with the parameters of its declaration."""

    def call(**given: Any) -> ExitCode:
        return perform(read(kind, given))

    shown = [
        inspect.Parameter(
            parameter.field,
            inspect.Parameter.KEYWORD_ONLY,
            default=_default(parameter),
            annotation=_annotation(parameter),
        )
        for parameter in parameters(kind)
    ]
    call.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    call.__annotations__ = {}
    call.__doc__ = kind.about.help
    return call


def read(kind: type[Options], given: Mapping[str, Any]) -> Options:
    """The struct of a command.

    Args:
        kind: Its class.
        given: What was parsed, by field.

    Raises:
        UsageError: A value cannot be meant.
    """
    values: dict[str, Any] = {}
    for parameter in parameters(kind):
        value = given[parameter.field]
        if parameter.repeated:
            several = tuple(value or ())
            value = several if isinstance(parameter.about, Argument) else tuple(dict.fromkeys(several))
        if parameter.about.read is not None and value not in (parameter.default, None):
            value = parameter.about.read(value)
        values[parameter.field] = value
    return kind(**values)


def _annotation(parameter: Parameter) -> object:
    return list[str] | None if parameter.repeated else parameter.kind


def _default(parameter: Parameter) -> object:
    default = ... if parameter.required else (None if parameter.repeated else parameter.default)
    if isinstance(default, float) and default.is_integer():
        default = int(default)  # as a person would write it, in the help
    about = parameter.about
    if isinstance(about, Argument):
        return typer.Argument(default, metavar=about.metavar, help=about.help, show_default=False)
    variables = (about.variable, *about.instead) if about.variable else about.instead
    return typer.Option(
        default,
        *about.names,
        metavar=about.metavar or "|".join(parameter.choices) or None,
        help=f"{about.help.removesuffix('.')} [env: {', '.join(variables)}]." if variables else about.help,
        envvar=about.variable or None,
        show_envvar=False,
        min=about.least,
        max=about.most,
        show_default=default not in (..., None, False),
        rich_help_panel=about.counts.value,
    )
