"""The errors that a caller gets: always ``{"status": ..., "message": ...}``, as the old runtime answered."""

from collections.abc import Mapping

import msgspec

PARSE_FAILURE = "Unable to parse the given bytes into a correct json map of (name -> tensor)"


class HttpError(Exception):
    """An answer that is not 200.

    Attributes:
        status: The HTTP status.
        message: The old runtime's text where it had one for this cause.
        detail: The cause in more words, or an empty string; sent as an extra key.
        headers: Headers that belong to the status, such as ``Allow`` or ``Retry-After``.
    """

    def __init__(self, status: int, message: str, detail: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.detail = detail
        self.headers = dict(headers or {})

    def body(self, *, v2: bool = False) -> bytes:
        """The JSON body; for the Open Inference Protocol with its ``error`` key besides."""
        return error_body(self.status, self.message, self.detail, v2=v2)


def bad_request(message: str, detail: str = "") -> HttpError:
    """An evaluation error of the old runtime: 400 with its text."""
    return HttpError(400, message, detail)


def error_body(status: int, message: str, detail: str = "", *, v2: bool = False) -> bytes:
    """The JSON body of an error."""
    body: dict[str, object] = {"status": status, "message": message}
    if detail:
        body["detail"] = detail
    if v2:
        body["error"] = f"{message}: {detail}" if detail else message
    return msgspec.json.encode(body)
