from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.errors import UsageError
from migrate.ovhcloud.paths import target

TEMPLATE = "/cloud/project/{serviceName}/ai/serving/{namespaceId}/model"


def test_each_part_is_encoded_whole() -> None:
    made = target(TEMPLATE, {"serviceName": "p", "namespaceId": "a/b c?d#e%2F"}, None)
    assert made == "/cloud/project/p/ai/serving/a%2Fb%20c%3Fd%23e%252F/model"


def test_the_query_repeats_lists_and_leaves_none_out() -> None:
    made = target("/x", {}, {"statusState": ["RUNNING", "FAILED"], "force": True, "size": 3, "labelSelector": None})
    assert made == "/x?statusState=RUNNING&statusState=FAILED&force=true&size=3"
    assert target("/x", {}, {"labelSelector": None}) == "/x"
    assert target("/x", {}, {"labelSelector": "a=b"}) == "/x?labelSelector=a%3Db"


@pytest.mark.parametrize("hostile", ["", ".", ".."])
def test_no_part_changes_the_path(hostile: str) -> None:
    with pytest.raises(UsageError) as caught:
        target(TEMPLATE, {"serviceName": "p", "namespaceId": hostile}, None)
    assert caught.value.code == "bad-identifier"


def test_a_forgotten_part_is_a_bug() -> None:
    with pytest.raises(ValueError, match="namespaceId"):
        target(TEMPLATE, {"serviceName": "p"}, None)


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."}), st.text())
def test_what_is_signed_is_what_is_sent(part: str, value: str) -> None:
    made = "https://host/1.0" + target("/a/{id}/b", {"id": part}, {"q": value})
    sent = requests.Request("GET", made).prepare().url
    assert sent == made
    parts = urlsplit(made)
    assert unquote(parts.path.split("/")[3]) == part
    assert parts.path.count("/") == 4
    assert parse_qsl(parts.query, keep_blank_values=True) == [("q", value)]
