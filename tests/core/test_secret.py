import pickle

import pytest

from migrate.core.errors import ConfigurationError
from migrate.core.secret import MASK, Secret, redact


def test_a_secret_prints_as_a_mask_everywhere() -> None:
    secret = Secret("hunter2-and-more")
    assert repr(secret) == str(secret) == f"{secret}" == MASK
    assert f"{secret:>5}" == "  ***"
    assert secret.reveal() == "hunter2-and-more"


def test_redaction_is_by_value_and_longest_first() -> None:
    Secret("abcd-short")
    Secret("abcd-short-and-long")
    assert redact("x abcd-short-and-long y abcd-short z") == "x *** y *** z"


def test_a_very_short_value_does_not_mask_ordinary_text() -> None:
    Secret("abc")
    assert redact("abc abc") == "abc abc"


def test_errors_redact_what_they_say() -> None:
    Secret("s3cr3t-in-an-error")
    error = ConfigurationError("refused s3cr3t-in-an-error", code="wrong-key", next_step="unset s3cr3t-in-an-error")
    assert "s3cr3t" not in f"{error} {error.what} {error.next_step}"


def test_temporary_urls_lose_their_signature() -> None:
    text = redact("GET https://storage.example.net/v1/c/o?temp_url_sig=0123abcd&temp_url_expires=12")
    assert "0123abcd" not in text
    assert text.endswith("temp_url_expires=12")


def test_presigned_urls_lose_what_opens_them() -> None:
    text = redact(
        "GET https://s3.example.net/b/o?X-Amz-Expires=60&X-Amz-Credential=AKID%2F2026&X-Amz-Security-Token=t%2Fok%3D"
        "&X-Amz-Signature=0123abcd"
    )
    assert not any(word in text for word in ("AKID", "t%2Fok", "0123abcd"))
    assert "X-Amz-Expires=60" in text


def test_a_secret_is_never_serialised() -> None:
    with pytest.raises(TypeError, match="never serialised"):
        pickle.dumps(Secret("value-to-keep"))


def test_equality_is_by_value() -> None:
    assert Secret("same-value") == Secret("same-value")
    assert Secret("same-value") != Secret("other-value")
    assert len({Secret("same-value"), Secret("same-value")}) == 1
    assert not Secret("")
