"""The error answers of the API, in the two shapes that it is known to use."""

from collections.abc import Sequence

INVALID_URL = "Got an invalid (or empty) URL"


class ApiError(Exception):
    """An error answer: HTTP status and JSON body."""

    def __init__(self, status: int, body: dict[str, object], headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.body = body
        self.headers = headers or {}
        super().__init__(f"{status} {body.get('message')}")


class SandboxError(Exception):
    """The sandbox cannot do what was asked of it, in one sentence."""


def error(status: int, kind: str, message: str, **details: object) -> ApiError:
    """The present shape: ``class``, ``message`` and, for refusals by IAM, ``details``."""
    body: dict[str, object] = {"class": kind, "message": message}
    if details:
        body["details"] = details
    return ApiError(status, body)


def old_error(status: int, code: str, phrase: str, message: str) -> ApiError:
    """The older shape of the gateway: ``errorCode``, ``httpCode``, ``message``."""
    return ApiError(status, {"errorCode": code, "httpCode": f"{status} {phrase}", "message": message})


def bad_request(message: str) -> ApiError:
    """400 with a sentence that names the field."""
    return error(400, "Client::BadRequest", message)


def not_found(message: str = "The requested object does not exist") -> ApiError:
    """404 for an object; for an unknown route give INVALID_URL, for a project "This service does not exist"."""
    return error(404, "Client::NotFound", message)


def conflict(message: str) -> ApiError:
    """409."""
    return error(409, "Client::Conflict", message)


def not_granted(actions: Sequence[str]) -> ApiError:
    """403 of a consumer key or policy that does not cover the call."""
    return error(
        403,
        "Client::Forbidden",
        "This call has not been granted",
        unauthorizedActionsByAuthentication="",
        unauthorizedActionsByIAM=" ".join(actions),
    )
