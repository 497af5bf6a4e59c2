"""Which path answers what: built once the models are known, found by one look-up for each request."""

from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import quote, unquote_to_bytes

from migrate.server.errors import HttpError
from migrate.server.http import Request, Response
from migrate.server.negotiation import accepted

Handler = Callable[[Request], Awaitable[Response]]


class Route:
    """What one path answers.

    Attributes:
        name: The label of this route in metrics.
        model: The id of the model it belongs to, or an empty string.
        handlers: By method; HEAD answers like GET.
        produces: The media types that the Accept header is held against; empty accepts any.
        open: Whether it answers without a token and before the models are ready.
    """

    __slots__ = ("handlers", "model", "name", "open", "produces")

    def __init__(
        self,
        name: str,
        handlers: dict[str, Handler],
        *,
        model: str = "",
        produces: Iterable[str] = (),
        is_open: bool = False,
    ) -> None:
        self.name = name
        self.model = model
        self.handlers = dict(handlers)
        if "GET" in handlers:
            self.handlers["HEAD"] = handlers["GET"]
        self.produces = tuple(produces)
        self.open = is_open

    @property
    def allow(self) -> str:
        """The value of the Allow header."""
        return ", ".join(sorted({*self.handlers, "OPTIONS"}))

    def handler(self, request: Request) -> Handler:
        """The handler for a request.

        Raises:
            HttpError: 405 for another method, 406 when nothing that is produced is accepted.
        """
        handler = self.handlers.get(request.method)
        if handler is None:
            if request.method == "OPTIONS":
                return self._options
            raise HttpError(
                405,
                f"RESTEASY003650: No resource method found for {request.method}, return 405 with Allow header",
                headers={"Allow": self.allow},
            )
        if self.produces:
            accepted(request.header(b"accept"), self.produces)
        return handler

    async def _options(self, request: Request) -> Response:
        del request
        return Response(b"", b"", status=204, headers=[(b"allow", self.allow.encode())])


class Router:
    """The routes of this process, by path."""

    def __init__(self) -> None:
        self._exact: dict[bytes, Route] = {}
        self._segments: dict[tuple[bytes, ...], Route] = {}
        self._files: dict[tuple[bytes, ...], Route] = {}

    def add(self, segments: tuple[str, ...], route: Route) -> None:
        """Answer a path given by its unquoted segments; the first route of a path stays."""
        key = tuple(segment.encode() for segment in segments)
        if key in self._segments:
            return
        self._segments[key] = route
        self._exact["/".join(("", *(quote(segment, safe="") for segment in segments))).encode() or b"/"] = route

    def add_files(self, prefix: tuple[str, ...], route: Route) -> None:
        """Answer every script and style sheet directly below a path given by its unquoted segments."""
        self._files.setdefault(tuple(segment.encode() for segment in prefix), route)

    def find(self, raw_path: bytes) -> Route | None:
        """The route of a path as it stands in the request line.

        Slashes at the end or beside others do not matter, nor do the parameters of a segment (``/eval;x=1``).
        """
        route = self._exact.get(raw_path)
        if route is not None:
            return route
        key = _segments(raw_path)
        found = self._segments.get(key)
        if found is None and key and key[-1].endswith((b".js", b".css")):
            return self._files.get(key[:-1])
        return found


def model_of(raw_path: bytes) -> str:
    """The id that the path of a model's route would have it by; empty where there is none."""
    segments = _segments(raw_path)
    place = 2 if segments[:2] == (b"v2", b"models") else 0
    return segments[place].decode("utf-8", "replace") if len(segments) > place else ""


def _segments(raw_path: bytes) -> tuple[bytes, ...]:
    plain = (segment.partition(b";")[0] for segment in raw_path.split(b"/"))
    return tuple(unquote_to_bytes(segment) for segment in plain if segment)
