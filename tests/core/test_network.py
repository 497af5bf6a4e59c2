import tomllib

import pytest

from migrate.core.network import Network, masked, read_configuration, secrets_of, variables_of
from migrate.core.secret import MASK, redact

BASE = "python:3.11-slim-bookworm"
WHOLE = """
[network]
proxy = "http://jane:p%40ssw0rd-1@proxy.example:3128"
no_proxy = ["registry.example", "10.0.0.0/8"]
ca_bundle = "/etc/ssl/bank.pem"
package_index = "https://robot:t0ken-of-index@pypi.example/simple"
wheel_folders = ["/srv/wheels", "https://wheels.example/cpu/"]
registry_mirror = "mirror.example:5000/hub"
"""


def test_every_setting_becomes_what_the_clients_read() -> None:
    found = variables_of(read_configuration(tomllib.loads(WHOLE)).network, {}, BASE)
    proxy = "http://jane:p%40ssw0rd-1@proxy.example:3128"
    excluded = "registry.example,10.0.0.0/8,localhost,127.0.0.1,::1"
    assert found == {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "HTTP_PROXY": proxy,
        "http_proxy": proxy,
        "NO_PROXY": excluded,
        "no_proxy": excluded,
        "REQUESTS_CA_BUNDLE": "/etc/ssl/bank.pem",
        "SSL_CERT_FILE": "/etc/ssl/bank.pem",
        "UV_DEFAULT_INDEX": "https://robot:t0ken-of-index@pypi.example/simple",
        "UV_FIND_LINKS": "/srv/wheels,https://wheels.example/cpu/",
        "MIGRATE_BASE_IMAGE": "mirror.example:5000/hub/library/python:3.11-slim-bookworm",
    }
    assert variables_of(Network(), {}, BASE) == {}
    assert variables_of(Network(base_image="registry.example/python:3.12"), {}, BASE) == {
        "MIGRATE_BASE_IMAGE": "registry.example/python:3.12"
    }


@pytest.mark.parametrize(
    ("variable", "missing"),
    [
        ("https_proxy", {"HTTPS_PROXY", "https_proxy"}),
        ("ALL_PROXY", {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"}),
        ("no_proxy", {"NO_PROXY", "no_proxy"}),
        ("CURL_CA_BUNDLE", {"REQUESTS_CA_BUNDLE"}),
        ("SSL_CERT_FILE", {"SSL_CERT_FILE"}),
        ("PIP_INDEX_URL", {"UV_DEFAULT_INDEX"}),
        ("UV_FIND_LINKS", {"UV_FIND_LINKS"}),
        ("MIGRATE_BASE_IMAGE", {"MIGRATE_BASE_IMAGE"}),
    ],
)
def test_a_variable_that_is_set_wins_under_any_of_its_names(variable: str, missing: set[str]) -> None:
    network = read_configuration(tomllib.loads(WHOLE)).network
    every = variables_of(network, {}, BASE)
    assert set(every) - set(variables_of(network, {variable: "x"}, BASE)) == missing
    assert set(variables_of(network, {variable: ""}, BASE)) == set(every)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[netwrok]", "the file: object contains unknown field `netwrok`"),
        ("[network]\nprox = 'x'", "object contains unknown field `prox`"),
        ("[network]\nproxy = 3128", "proxy: expected `str`, got `int`"),
        ("[network]\nno_proxy = 'a'", "no_proxy: expected `array`, got `str`"),
        ("[network]\nproxy = 'proxy.example:3128'", "proxy is 'proxy.example:3128', which is no URL with http:// or"),
        ("[network]\nproxy = 'socks5://proxy.example'", "no URL with http:// or https://"),
        ("[network]\nproxy = 'http://proxy.example:99999'", "no URL with http:// or https://"),
        ("[network]\nproxy = 'http://[::1'", "no URL with http:// or https://"),
        ("[network]\nproxy = 'http://a b'", "no URL with http:// or https://"),
        ("[network]\npackage_index = 'ftp://x'", "no URL with http:// or https:// or file://"),
        ("[network]\nno_proxy = ['http://a']", "no_proxy has 'http://a', which is no host"),
        ("[network]\nregistry_mirror = 'hub'", "registry_mirror is 'hub', which is no HOST"),
        ("[network]\nwheel_folders = ['']", "wheel_folders has ''"),
        ("[network]\nbase_image = 'a/b:1'\nregistry_mirror = 'm.example'", "both say where the base image is"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read_configuration(tomllib.loads(text))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_password_is_never_shown() -> None:
    with pytest.raises(ValueError, match="no URL") as caught:
        read_configuration({"network": {"proxy": "socks5://joe:secret-of-joe@proxy.example:1"}})
    assert str(caught.value).startswith(f"proxy is 'socks5://{MASK}@proxy.example:1'")
    read_configuration(tomllib.loads(WHOLE))
    for secret in ("p%40ssw0rd-1", "p@ssw0rd-1", "t0ken-of-index", "secret-of-joe"):
        assert redact(f"cannot connect with {secret}") == f"cannot connect with {MASK}"
    assert masked("https://plain.example/x") == "https://plain.example/x"
    environ = {"https_proxy": "http://a:env-secret@p", "UV_INDEX": "one=https://x https://b:env-other@y", "HOME": "a@b"}
    assert secrets_of(environ) == ("http://a:env-secret@p", "https://b:env-other@y")
