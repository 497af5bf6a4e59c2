"""The operators that PyTorch has for code of TorchScript; the list is made by a script from PyTorch itself."""

import re
from functools import cache
from importlib.resources import files
from typing import Final

PYTORCH: Final = "2.13.0"

# Gone from PyTorch, and written anew by the server (server/engines/torch_script_period.py).
_BRIDGED: Final = frozenset(("aten", name) for name in ("rfft", "irfft", "fft", "ifft", "solve", "symeig"))
_CALL: Final = re.compile(r"(?<![\w.])(?:torch|ops\.(aten|quantized))\.([A-Za-z_]\w*)\(")


def missing_operators(code: str) -> list[str]:
    """The operators that code calls and this PyTorch does not have, as the code names them."""
    known = _table()
    found = {(match[1] or "aten", match[2]) for match in _CALL.finditer(code)}
    gone = {(namespace, name) for namespace, name in found if name not in known[namespace]}
    return sorted(f"{namespace}::{name}" for namespace, name in gone if (namespace, name) not in _BRIDGED)


@cache
def _table() -> dict[str, frozenset[str]]:
    text = files("migrate.formats.torch").joinpath("operators.txt").read_text(encoding="utf-8")
    found: dict[str, frozenset[str]] = {}
    namespace = ""
    for line in text.splitlines():
        if line.startswith("["):
            namespace = line.strip("[]")
            found[namespace] = frozenset()
        elif not line.startswith("#"):
            found[namespace] |= frozenset(line.split())
    return found
