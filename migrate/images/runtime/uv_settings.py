"""What pip is told on this machine, said to uv: indexes, wheel folders, CA bundle, proxy.

uv reads ``UV_*`` and its own files and nothing of pip's. A machine in a closed network is set up for pip (mirror,
private index, CA bundle), so those settings are passed on; where ``UV_*`` is set, that wins. The standard library is
enough for this file: ``scripts/setup`` runs it before anything is installed.
"""

import configparser
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

# pip's option -> uv's variables that carry the same thing (the first one that is set wins), and the separator of lists.
_VARIABLES: Final = {
    "index-url": (("UV_DEFAULT_INDEX", "UV_INDEX_URL"), None),
    "extra-index-url": (("UV_INDEX", "UV_EXTRA_INDEX_URL"), " "),
    "find-links": (("UV_FIND_LINKS",), ","),
    "cert": (("SSL_CERT_FILE",), None),
    "trusted-host": (("UV_INSECURE_HOST",), " "),
    "no-index": (("UV_NO_INDEX",), None),
    "timeout": (("UV_HTTP_TIMEOUT",), None),
    "proxy": (("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), None),
}
# pip names the variable of ``timeout`` PIP_DEFAULT_TIMEOUT, as it does for an option of every command.
_PIP_NAMES: Final[dict[str, tuple[str, ...]]] = {"timeout": ("PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT")}
_SECTIONS: Final = ("global", "install")


def uv_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables to add to ``environ`` for uv, from pip's variables and configuration files.

    Args:
        environ: The environment of the process; pip's ``PIP_*`` in it win over pip's files, and uv's own variables
            over both.
    """
    options = _file_options(environ)
    for option in _VARIABLES:
        names = _PIP_NAMES.get(option, ("PIP_" + option.upper().replace("-", "_"),))
        value = next((environ[name] for name in names if environ.get(name)), None)
        if value is not None:
            options[option] = value
    added: dict[str, str] = {}
    for option, (variables, separator) in _VARIABLES.items():
        text = options.get(option, "").strip()
        if not text or any(environ.get(variable) for variable in variables):
            continue
        added[variables[0]] = separator.join(text.split()) if separator else text
    if "UV_INDEX" in added and not environ.get("UV_INDEX_STRATEGY"):
        # pip looks at every index; what is installed is held to the hashes of a lock, so any of them may serve it.
        added["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return added


def _file_options(environ: Mapping[str, str]) -> dict[str, str]:
    """The options in pip's configuration files, later files winning (pip's documentation, "Configuration")."""
    if environ.get("PIP_CONFIG_FILE") == os.devnull:
        return {}
    home = Path(environ.get("HOME") or Path.home())
    folders = [Path(part) for part in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if part]
    files = [folder / "pip/pip.conf" for folder in folders]
    files += [Path("/etc/pip.conf"), home / ".pip/pip.conf", home / "Library/Application Support/pip/pip.conf"]
    files.append(Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf")
    files += [Path(sys.prefix) / "pip.conf"]
    if environ.get("PIP_CONFIG_FILE"):
        files.append(Path(environ["PIP_CONFIG_FILE"]))
    options: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue  # pip itself will complain about it; nothing of it can be used here
        for section in _SECTIONS:
            if parser.has_section(section):
                options.update({name: value for name, value in parser.items(section) if name in _VARIABLES})
    return options


def main() -> None:
    """Print the variables as lines for a shell to evaluate."""
    for name, value in uv_environment(os.environ).items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


if __name__ == "__main__":
    main()
