"""The commands of the first hour, and of the last: login, doctor, permissions, logout."""

from typing import Annotated, Final, Literal

from migrate.core.options.declaration import Command, Counts, Option, Options
from migrate.core.options.shared import BaseImage, Builder, Project, Workspace
from migrate.core.options.sources import DEFAULT_REGION, Region, Registry, RegistryUser

GROUP: Final = "Begin"

Doing = Literal["plan", "run", "undo", "all"]
Form = Literal["rules", "iam", "link"]

ENDPOINT: Final = Option(
    names=("--endpoint",),
    metavar="NAME",
    help="OVHcloud's API: ovh-eu, ovh-ca, ovh-us, or an address.",
    counts=Counts.CLOUD,
    variable="OVH_ENDPOINT",
)
REPLACE: Final = Option(
    names=("--replace",),
    help="Make a new key also where there is one, which is revoked where login made it.",
    counts=Counts.CLOUD,
    kept=False,
)
FIX: Final = Option(
    names=("--fix",),
    help="Mend what can be mended here: log out and in again is yours, an old download or a missing folder is not.",
    counts=Counts.RUN,
    kept=False,
)


class PermissionsOptions(Options, frozen=True, kw_only=True):
    """``migrate permissions``."""

    about = Command(
        name="permissions",
        group=GROUP,
        short="The rights that this tool needs.",
        help="Print the rights that the calls of a command need, and no others: as rules of a consumer key, as an IAM "
        "policy for a service account, or as the address of the page that makes a key with them. Asks nobody.",
        example="migrate permissions --for plan\nmigrate permissions --as iam --project 0123… > policy.json",
    )

    doing: Annotated[
        Doing,
        Option(
            names=("--for",),
            help="The command: plan stands for all that only look, run for apply too.",
            counts=Counts.CLOUD,
        ),
    ] = "all"
    form: Annotated[Form, Option(names=("--as",), help="How they are printed.", counts=Counts.CLOUD)] = "rules"
    project: Project = None
