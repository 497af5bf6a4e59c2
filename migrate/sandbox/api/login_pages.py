"""What lies beside the API for logging in: the pages that approve and make keys, and OAuth2's token endpoint."""

import base64
import binascii
import secrets
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from migrate.sandbox.world.auth import TOKEN_LIFE, Rule
from migrate.sandbox.world.world import World

_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE"})


def login_routes(world: World) -> list[Route]:
    """``/auth/?credentialToken=...``, ``/auth/oauth2/token``, ``/createApp/`` and ``/createToken/``."""

    async def approve(request: Request) -> Response:
        credential = world.keyring.pending.pop(request.query_params.get("credentialToken", ""), None)
        if credential is None:
            return PlainTextResponse("This link is not valid\n", 404)
        credential.state = "validated"
        if credential.redirection:
            return RedirectResponse(credential.redirection)
        return PlainTextResponse("The application may now use your account\n")

    async def application(_request: Request) -> Response:
        identity = world.identity
        return PlainTextResponse(
            f"Application key: {identity.application_key}\nApplication secret: {identity.application_secret}\n"
        )

    async def made(request: Request) -> Response:
        asked = request.query_params.multi_items()
        if not asked or any(method not in _METHODS or not path.startswith("/") for method, path in asked):
            return PlainTextResponse("Give each right as METHOD=/path\n", 400)
        rules = tuple(Rule(method=method, path=path) for method, path in asked)
        credential = world.keyring.issue(rules, state="validated")
        identity = world.identity
        return PlainTextResponse(
            f"Application key: {identity.application_key}\nApplication secret: {identity.application_secret}\n"
            f"Consumer key: {credential.consumer_key}\n"
        )

    async def token(request: Request) -> Response:
        fields = dict(parse_qsl((await request.body()).decode(errors="replace")))
        user, password = _basic(request.headers.get("authorization", ""))
        user = user or fields.get("client_id", "")
        password = password or fields.get("client_secret", "")
        identity = world.identity
        right = secrets.compare_digest(
            f"{user}:{password}".encode(), f"{identity.client_id}:{identity.client_secret}".encode()
        )
        if not right:
            return JSONResponse({"error": "invalid_client"}, 401)
        if fields.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        answer = {
            "access_token": world.keyring.bearer(),
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFE,
            "scope": "all",
        }
        return JSONResponse(answer)

    return [
        Route("/auth/", approve, methods=["GET"]),
        Route("/auth/oauth2/token", token, methods=["POST"]),
        Route("/createApp/", application, methods=["GET"]),
        Route("/createToken/", made, methods=["GET"]),
    ]


def _basic(header: str) -> tuple[str, str]:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password
