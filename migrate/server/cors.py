"""Cross-origin requests (https://fetch.spec.whatwg.org/#http-cors-protocol): which pages may call from a browser."""

from typing import Final

from migrate.server.http import Headers, Request, Response

ANY: Final = "*"
_EXPOSED: Final = b"x-request-id, inference-header-content-length, retry-after"
_DAY: Final = b"86400"  # seconds for which a browser may remember the answer to a preflight request


class Cors:
    """The origins whose pages may call; none at all where there are none."""

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = origins

    def headers(self, request: Request) -> Headers:
        """What is added to an answer so that the browser shows it to the page that asked."""
        if not self._origins:
            return []
        origin = request.header(b"origin")
        if ANY in self._origins:
            return [] if origin is None else [(b"access-control-allow-origin", b"*"), _EXPOSES]
        # A cache must not give one page's answer to another.
        found: Headers = [(b"vary", b"Origin")]
        if origin is not None and origin.lower() in self._origins:
            found += [(b"access-control-allow-origin", origin.encode("latin-1")), _EXPOSES]
        return found

    def preflight(self, request: Request, allow: str) -> Response | None:
        """The answer to a browser that asks before it sends a request; None for any other request.

        It carries no token and reaches no model. ``allow`` are the methods of the path.
        """
        asked = request.headers.get(b"access-control-request-method")
        if not self._origins or request.method != "OPTIONS" or asked is None:
            return None
        headers: Headers = [(b"allow", allow.encode())]
        if any(name == b"access-control-allow-origin" for name, _ in self.headers(request)):
            wanted = request.headers.get(b"access-control-request-headers", b"")
            headers += [(b"access-control-allow-methods", allow.encode()), (b"access-control-max-age", _DAY)]
            headers += [(b"access-control-allow-headers", wanted)] if wanted else []
        return Response(b"", b"", status=204, headers=headers)


_EXPOSES: Final = (b"access-control-expose-headers", _EXPOSED)
