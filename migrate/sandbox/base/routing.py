"""Which operation of the contract a request means."""

from collections.abc import Mapping
from urllib.parse import unquote

from msgspec import Struct

from migrate.contract import Contract, Operation

_SERVING = "/cloud/project/{serviceName}/ai/serving"
_SERVING_CAPABILITIES = "/cloud/project/{serviceName}/ai/capabilities/serving"


class Match(Struct, frozen=True):
    """The operation, its template, and the decoded path parameters by name."""

    template: str
    operation: Operation
    parameters: Mapping[str, str]


class Routes:
    """The templates of the contract; a fixed word wins over a parameter (``ai/app/command`` over ``{appId}``)."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._by_length: dict[int, list[tuple[str, list[str]]]] = {}
        for template in contract.paths:
            parts = template.split("/")[1:]
            self._by_length.setdefault(len(parts), []).append((template, parts))
        for templates in self._by_length.values():
            templates.sort(key=lambda item: [part.startswith("{") for part in item[1]])

    def find(self, method: str, path: str, *, serving: bool) -> Match | None:
        """The operation of ``method`` on a still percent-encoded path, or None; ``serving`` False hides ML Serving."""
        parts = [unquote(part) for part in path.split("/")[1:]]
        for template, pattern in self._by_length.get(len(parts), ()):
            if not serving and template.startswith((_SERVING, _SERVING_CAPABILITIES)):
                continue
            parameters = _parameters(pattern, parts)
            if parameters is None:
                continue
            operation = self._contract.paths[template].get(method)
            return Match(template, operation, parameters) if operation else None
        return None


def _parameters(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for word, part in zip(pattern, parts, strict=True):
        if word.startswith("{"):
            if not part:
                return None
            found[word[1:-1]] = part
        elif word != part:
            return None
    return found
