"""What a base image made from Debian's packages holds, and what this machine's apt says of where they come from."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

from migrate.core.names import digest_of

PACKAGES: Final = ("ca-certificates", "netbase", "python3", "tzdata")
PYTHONS: Final = {"bookworm": "py311", "trixie": "py313"}  # Debian's release -> the Python in it
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT: Final = (f"PATH={PATH}", "LANG=C.UTF-8")
COMMAND: Final = "python3"
LABEL: Final = ("mlserving-migrate.kind", "base")
CHANGES: Final = (
    *(f"ENV {variable}" for variable in ENVIRONMENT),
    f'CMD ["{COMMAND}"]',
    f"LABEL {'='.join(LABEL)}",
)
RECIPE: Final = digest_of("2", *PACKAGES, *CHANGES)[:12]  # the first part is the version of what this file does
# What an image does not need. Copyright files stay, as the licences ask.
DROPPED: Final = re.compile(
    r"(dev|proc|sys|run|tmp|boot|media|mnt|opt|srv|debootstrap|var/(cache|tmp|log|lib/apt/lists)"
    r"|usr/share/(man|info|locale|lintian|bash-completion))/.+"
    r"|usr/share/doc/(.+/)?(?!copyright$)[^/]+"
    r"|(.+/)?__pycache__/(?!.*\.cpython-\d+\.pyc$).*"
    r"|etc/(machine-id|hostname|resolv\.conf|apt/sources\.list(\.d/.+)?|apt/apt\.conf\.d/99m.*)|var/lib/dpkg/.+-old|var/lib/systemd/.+"
)


def apt_sources() -> tuple[str, tuple[tuple[str, str, str], ...]]:
    """This machine's Debian release, and the (URI, suite, component) triples that its apt is configured with."""
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
        release = next(
            (line.partition("=")[2].strip('"') for line in lines if line.startswith("VERSION_CODENAME=")), ""
        )
        targets = _output(
            "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"
        )
    except (OSError, subprocess.CalledProcessError):
        return "", ()
    triples = [tuple(line.split()) for line in dict.fromkeys(targets.splitlines())]
    wanted = (release, f"{release}-updates", f"{release}-security")
    return release, tuple((t[0], t[1], t[2]) for t in triples if len(t) == 3 and t[1] in wanted and t[2] == "main")


def apt_proxies() -> dict[str, str]:
    """The proxies of apt as the variables that debootstrap's downloader reads."""
    found: dict[str, str] = {}
    for scheme in ("http", "https"):
        value = re.search(r'"(.+)"', _output("apt-config", "dump", f"Acquire::{scheme}::Proxy"))
        if value and value[1] != "DIRECT":
            found[f"{scheme}_proxy"] = value[1]
    return found


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
