"""Calls of pages from other origins: none unless they are named."""

import hashlib
from collections.abc import Iterator

import pytest

from migrate.server.limits import SettingError, read_settings
from tests.server import models
from tests.server.process import Answer, Server, running

pytestmark = pytest.mark.programs

PAGE = "https://page.example"
GOOD = {"x": [1, 2, 2]}
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type, authorization"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that asks for a token, and knows two origins."""
    root = tmp_path_factory.mktemp("models")
    models.linear(root / "linear")
    digest = hashlib.sha256(b"token").hexdigest()
    origins = f"{PAGE}, http://localhost:3000"
    with running(root, tmp_path_factory.mktemp("log") / "log", tokens_sha256=digest, cors_origins=origins) as found:
        yield found


def cors(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def test_without_the_setting_there_is_nothing(single: Server) -> None:
    for _ in range(50):
        assert cors(single.eval(GOOD, Origin=PAGE)) == {}
    found = single.call("OPTIONS", "/eval", None, {"Origin": PAGE, **ASKS})
    assert (found.status, found.headers["allow"], cors(found)) == (204, "OPTIONS, POST", {})


def test_a_page_asks_before_and_then_calls(server: Server) -> None:
    asked = server.call("OPTIONS", "/eval", None, {"Origin": PAGE, **ASKS})
    assert (asked.status, asked.body) == (204, b"")
    assert cors(asked) == {
        "access-control-allow-origin": PAGE,
        "access-control-expose-headers": "x-request-id, inference-header-content-length, retry-after",
        "access-control-allow-methods": "OPTIONS, POST",
        "access-control-allow-headers": "content-type, authorization",
        "access-control-max-age": "86400",
    }
    for token, status in (("token", 200), ("other", 401)):  # a page is told what is wrong, too
        found = server.eval(GOOD, Origin=PAGE, Authorization=f"Bearer {token}")
        assert (found.status, found.headers["access-control-allow-origin"]) == (status, PAGE)
        assert found.headers["vary"] == "Origin"


def test_pages_of_other_origins_do_not(server: Server) -> None:
    for origin in ("https://other.example", f"{PAGE}.example", "http://page.example", "null"):
        assert cors(server.call("OPTIONS", "/eval", None, {"Origin": origin, **ASKS})) == {}
        assert cors(server.eval(GOOD, Origin=origin, Authorization="Bearer token")) == {}
    assert server.call("OPTIONS", "/eval").status == 401, "what is no browser's question needs the token"


@pytest.mark.parametrize("express", ["1", "0"])
def test_any_page_may(tmp_path_factory: pytest.TempPathFactory, express: str) -> None:
    root = tmp_path_factory.mktemp("models")
    models.linear(root / "linear")
    with running(root, root.with_suffix(".log"), cors_origins="*", express=express) as server:
        for _ in range(50):
            assert server.eval(GOOD, Origin=PAGE).headers["access-control-allow-origin"] == "*"
            assert cors(server.eval(GOOD)) == {}


def test_the_setting() -> None:
    assert read_settings({"MIGRATE_CORS_ORIGINS": "HTTPS://A.b:80;*"}).cors_origins == {"https://a.b:80", "*"}
    for bad in ("a.b", "https://a.b/", "https://user@a.b", "https://*.b"):
        with pytest.raises(SettingError, match="MIGRATE_CORS_ORIGINS"):
            read_settings({"MIGRATE_CORS_ORIGINS": bad})
