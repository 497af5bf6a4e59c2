"""The declaration of an option: its names, its help, where it counts, and how it is written back.

A command is a struct whose fields carry their declarations: ``samples: Annotated[Path | None, Option(...)] = None``.
From the struct come the parser and the help (``cli/``), the page docs/options.md, and the command that a person is
told to type next. Importing this is cheap, because every ``--help`` does.
"""

import shlex
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

PROGRAM: Final = "migrate"


class Counts(StrEnum):
    """Where an option counts: the heading it stands under, in the order of the help."""

    MODELS = "Models"
    IMAGE = "Image"
    SERVER = "Server"
    PROOF = "Proof"
    CLOUD = "OVHcloud"
    SANDBOX = "Sandbox"
    RUN = "This run"
    TOOL = "This tool"


class Option(Struct, frozen=True, kw_only=True):
    """An option.

    Attributes:
        names: As it is typed. The first one is long, and it is the one that is written back.
        help: One sentence.
        counts: Where it counts.
        metavar: The word for its value; choices and flags need none.
        variable: The environment variable that gives the value where the option is not typed.
        instead: Environment variables that are asked later, where there is no value.
        least: The least number that it takes.
        most: The largest.
        read: What checks and completes a value that was typed; raises UsageError.
        kept: Whether the next command has it too. False where it answers a question for once, or only says how the
            command answers.
    """

    names: tuple[str, ...]
    help: str
    counts: Counts
    metavar: str = ""
    variable: str = ""
    instead: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    read: Callable[[Any], Any] | None = None
    kept: bool = True

    @property
    def name(self) -> str:
        """The name by which texts call it."""
        return self.names[0]


class Argument(Struct, frozen=True, kw_only=True):
    """What a command is about, typed without a name; ``read`` is as in ``Option``."""

    metavar: str
    help: str
    read: Callable[[Any], Any] | None = None


class Command(Struct, frozen=True, kw_only=True):
    """What the help says of a command: ``example`` has a command a line, and ``group`` is a heading."""

    name: str
    group: str
    short: str
    help: str
    example: str


class Parameter(Struct, frozen=True):
    """A field of a command's struct. ``kind`` is its type without the declaration; required ones have no default."""

    field: str
    kind: Any
    about: Option | Argument
    default: Any

    @property
    def required(self) -> bool:
        """Whether the command does nothing without it."""
        return self.default is msgspec.NODEFAULT

    @property
    def repeated(self) -> bool:
        """Whether it may be given several times."""
        return get_origin(self.kind) is tuple

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that it takes, where these are all."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()


AS_JSON: Final = Option(
    names=("--json",),
    help="JSON lines on standard output, the last one the result.",
    counts=Counts.TOOL,
    kept=False,
)
OUTPUT: Final = Option(names=("--output", "-o"), help="The same: -o json.", counts=Counts.TOOL, kept=False)


class Options(Struct, frozen=True, kw_only=True):
    """What was typed for one command; each command has a subclass.

    Attributes:
        about: What the help says of the command.
        as_json: ``--json``.
        output: ``--output``.
    """

    about: ClassVar[Command]

    as_json: Annotated[bool, AS_JSON] = False
    output: Annotated[Literal["text", "json"], OUTPUT] = "text"

    @property
    def json(self) -> bool:
        """Whether the answer is JSON lines, by either option."""
        return self.as_json or self.output == "json"

    def command(self) -> str:
        """The command that means the same, quoted for a shell: what differs from the defaults and is to be kept."""
        named: list[str] = []
        bare: list[str] = []
        for parameter in parameters(type(self)):
            value = getattr(self, parameter.field)
            values = value if parameter.repeated else (value,)
            match parameter.about:
                case Argument():
                    bare += [_text(one) for one in values if one is not None]
                case Option(kept=True) if value != parameter.default:
                    named += written(parameter.about, *values)
                case _:
                    pass
        words = [PROGRAM, *self.about.name.split()]
        dashed = any(word.startswith("-") for word in bare)  # it would be read as an option
        return shlex.join([*words, *named, "--", *bare] if dashed else [*words, *bare, *named])


@cache
def parameters(kind: type[Options]) -> tuple[Parameter, ...]:
    """The parameters of a command: its arguments, then its options by where they count.

    Raises:
        TypeError: A field has no declaration.
    """
    arguments: list[Parameter] = []
    options: list[tuple[tuple[int, bool], Parameter]] = []
    order = list(Counts)
    for field in msgspec.structs.fields(kind):
        if get_origin(field.type) is not Annotated:
            message = f"{kind.__name__}.{field.name} is not declared as an option"
            raise TypeError(message)
        base, about = get_args(field.type)
        parameter = Parameter(field.name, base, about, field.default)
        if isinstance(about, Option):
            of_all = field.name in Options.__struct_fields__  # these come last where they stand
            options.append(((order.index(about.counts), of_all), parameter))
        else:
            arguments.append(parameter)
    options.sort(key=lambda option: option[0])
    return (*arguments, *(parameter for _, parameter in options))


def written(option: Option, *values: object) -> list[str]:
    """The words of a command line that give an option these values; a flag's only value is True."""
    return [word for value in values for word in ([option.name] if value is True else [option.name, _text(value)])]


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def absolute(path: Path) -> Path:
    """A path that means the same in another folder, ``~`` included."""
    try:
        return path.expanduser().absolute()
    except RuntimeError:  # nobody has this name: it is a folder's own
        return path.absolute()
