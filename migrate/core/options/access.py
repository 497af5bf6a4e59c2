"""The commands of the first hour, and of the last: login, doctor, permissions, logout."""

from typing import Annotated, Final, Literal

from migrate.core.options.declaration import Command, Counts, Option, Options
from migrate.core.options.shared import BaseImage, Builder, Project, Workspace
from migrate.core.options.sources import AUTHORIZE, DEFAULT_REGION, Region, Registry, RegistryUser

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
    help="Make a new key also where there is one that may do all; one that login made is revoked.",
    counts=Counts.CLOUD,
    kept=False,
)
FIX: Final = Option(
    names=("--fix",),
    help="Mend what can be mended: the rights of ovh.conf, a missing base image, and, when asked, the authorization.",
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


class DoctorOptions(Options, frozen=True, kw_only=True):
    """``migrate doctor``."""

    about = Command(
        name="doctor",
        group=GROUP,
        short="Look at everything that a run needs.",
        help="Look at everything that a run may fail on later: credentials and their rights, the project, AI Deploy, "
        "the registry, this machine and its network. Each line is ok, or says what is wrong and what to type. Changes "
        "nothing but with --fix; ends with the exit code that a run would end with.",
        example="migrate doctor\nmigrate doctor --registry registry.example.com/models --fix",
    )

    builder: Builder = "auto"
    base_image: BaseImage = None
    region: Region = DEFAULT_REGION
    registry: Registry = None
    registry_user: RegistryUser = None
    authorize: Annotated[bool, AUTHORIZE] = False
    fix: Annotated[bool, FIX] = False
    project: Project = None
    workspace: Workspace = None


class LoginOptions(Options, frozen=True, kw_only=True):
    """``migrate login``."""

    about = Command(
        name="login",
        group=GROUP,
        short="Get a key with the rights that are needed.",
        help="Ask OVHcloud for a consumer key with exactly the rights that this tool needs, wait until you have "
        "validated it in the browser, and write it to ovh.conf, whose other lines stay.",
        example="migrate login\nmigrate login --endpoint ovh-ca --project 0123…",
    )

    endpoint: Annotated[str | None, ENDPOINT] = None
    project: Project = None
    service_account: Annotated[
        bool,
        Option(
            names=("--service-account",),
            help="Print the IAM policy of a service account instead, and where its id and secret go.",
            counts=Counts.CLOUD,
        ),
    ] = False
    replace: Annotated[bool, REPLACE] = False
    open: Annotated[
        bool, Option(names=("--open",), help="Open the page in this machine's browser, too.", counts=Counts.RUN)
    ] = False
    workspace: Workspace = None


class LogoutOptions(Options, frozen=True, kw_only=True):
    """``migrate logout``."""

    about = Command(
        name="logout",
        group="Leave",
        short="Revoke the key that login made.",
        help="Revoke the consumer key that migrate login made, and take the lines that it wrote out of ovh.conf.",
        example="migrate logout",
    )

    endpoint: Annotated[str | None, ENDPOINT] = None
    workspace: Workspace = None
