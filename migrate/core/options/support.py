"""The commands that hand a case on: bundle, and state export and import."""

from pathlib import Path
from typing import Annotated, Final

from migrate.core.options.declaration import Argument, Command, Counts, Option, absolute
from migrate.core.options.shared import OUT, State
from migrate.core.options.sources import OfSource

STATE_GROUP: Final = "state"

FILE: Final = Argument(metavar="FILE", help="The file of the case, such as case.json.gz.", read=absolute)


class BundleOptions(OfSource, frozen=True, kw_only=True):
    """``migrate bundle``."""

    about = Command(
        name="bundle",
        group="Look",
        short="A redacted archive for a ticket.",
        help="Write an archive that says why models of SOURCE failed, and nothing of whose they are: plain text files, "
        "to be read before you send them. Sends nothing and asks nobody.",
        example="migrate bundle my-namespace\nmigrate bundle my-namespace --out case.zip --explain",
    )

    out: Annotated[Path | None, OUT] = None
    explain: Annotated[
        bool,
        Option(
            names=("--explain",),
            help="Say what was removed and by which rule, and which name each pseudonym stands for.",
            counts=Counts.TOOL,
        ),
    ] = False


class ExportStateOptions(OfSource, frozen=True, kw_only=True):
    """``migrate state export``."""

    about = Command(
        name="state export",
        group="Live",
        short="Write what is known of a source, for a colleague.",
        help="Write the journal of SOURCE and the state of its lease to FILE, for migrate state import on another "
        "machine; access tokens and files of models are not in it.",
        example="migrate state export my-namespace case.json.gz",
    )

    file: Annotated[Path, FILE]
    state: State = None


class ImportStateOptions(OfSource, frozen=True, kw_only=True):
    """``migrate state import``."""

    about = Command(
        name="state import",
        group="Live",
        short="Take over a case that a colleague exported.",
        help="Make the journal of SOURCE from FILE, where there is none yet; the next run goes on where the other "
        "machine stopped.",
        example="migrate state import my-namespace case.json.gz",
    )

    file: Annotated[Path, FILE]
    state: State = None
