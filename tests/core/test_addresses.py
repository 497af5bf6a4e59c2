import pytest

from migrate.core.addresses import is_loopback, read_registry, registry_address, secure_url
from migrate.core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "host", "path"),
    [
        ("registry.example.com", "registry.example.com", ""),
        ("https://registry.example.com/team/", "registry.example.com", "team"),
        ("HTTPS://Registry.Example.COM", "registry.example.com", ""),
        ("Http://localhost:5000//", "localhost:5000", ""),
        (" registry.example.com/a/b-c__d ", "registry.example.com", "a/b-c__d"),
        ("https://registry:443/models", "registry:443", "models"),  # "registry" alone would be a folder of Docker Hub
        ("registry:5000/models", "registry:5000", "models"),
        ("https://registry.example.com:443/x", "registry.example.com", "x"),
        ("http://registry.example.com:80", "registry.example.com", ""),
        ("http://registry.example.com:443", "registry.example.com:443", ""),
        ("registry.example.com:443", "registry.example.com:443", ""),
        ("registry.example.com:05000", "registry.example.com:5000", ""),
        ("[::1]:5000/models", "[::1]:5000", "models"),
        ("https://[2001:DB8::1]/", "[2001:db8::1]", ""),
        ("10.0.0.7", "10.0.0.7", ""),
    ],
)
def test_one_address_in_all_its_spellings(text: str, host: str, path: str) -> None:
    found = read_registry(text)
    assert found is not None
    assert (found.host, found.path) == (host, path)
    assert str(found) == (f"{host}/{path}" if path else host)
    assert read_registry(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "models",  # would mean Docker Hub
        "team/models",
        "ftp://registry.example.com",
        "https:registry.example.com",
        "https://",
        "https:///models",
        "registry.example.com:0",
        "registry.example.com:65536",
        "registry.example.com:5000:5000",
        "registry.example.com:",
        "user:password@registry.example.com",
        "registry.example.com/Models",
        "registry.example.com/a//b",
        "registry.example.com/a/../b",
        "registry.example.com/a?b=c",
        "registry.example.com#a",
        "registry .example.com",
        "-registry.example.com",
        "registry..example.com",
        "::1",
        "[::1",
        "[registry.example.com]",
        "[1:2]",
        "régistre.example.com",
        "registry.example.com\nmodels",
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert read_registry(text) is None
    with pytest.raises(UsageError) as caught:
        registry_address(text)
    assert caught.value.code == "bad-registry"
    assert "\n" not in caught.value.what
    assert "password" not in caught.value.what


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:5000",
        "localhost.",
        "reg.localhost",
        "a.reg.localhost:443",
        "127.0.0.1",
        "127.255.3.4:80",
        "::1",
        "[::1]",
        "[::1]:5000",
        "0:0:0:0:0:0:0:1",
    ],
)
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost.example.com",
        "notlocalhost",
        "128.0.0.1",
        "0.0.0.0",
        "127.0.0.1.example.com",
        "10.0.0.1",
        "::",
        "[::2]:5000",
        "::ffff:127.0.0.1",
        "user@localhost",
        "localhost:http",
        "localhost/x",
    ],
)
def test_other_machines(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "secure"),
    [
        ("https://eu.api.ovh.com/1.0", True),
        ("http://127.0.0.1:8080/1.0", True),
        ("http://[::1]:8080", True),
        ("http://localhost/1.0", True),
        ("HTTP://reg.localhost:5000/token", True),
        ("http://10.0.0.1/1.0", False),
        ("http://localhost.example.com/", False),
        ("http://127.0.0.1.example.com/", False),
        ("http://127.0.0.1@example.com/", False),
        ("ftp://127.0.0.1/", False),
        ("https://", False),
        ("http://[broken", False),
        ("https://host:notaport/", False),
        ("eu.api.ovh.com", False),
    ],
)
def test_secrets_go_over_https_or_to_this_machine(url: str, *, secure: bool) -> None:
    assert secure_url(url) is secure
