import re

from hypothesis import example, given
from hypothesis import strategies as st

from migrate.core.names import digest_of, mls_key, slug

HOSTILE = '../../x"\nRUN nowhere'


@given(st.text())
@example(HOSTILE)
@example("")
@example("a" * 200)
@example("..")
def test_a_slug_is_safe_in_a_path_a_tag_and_a_label(text: str) -> None:
    name = slug(text)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)
    assert len(name) <= 49


@given(st.text(), st.text())
def test_different_texts_have_different_slugs(one: str, other: str) -> None:
    assert (slug(one) == slug(other)) == (one == other)


def test_a_plain_name_stays_itself() -> None:
    assert slug("iris-v3") == "iris-v3"
    assert re.fullmatch(r"iris-[0-9a-f]{8}", slug("Iris"))


def test_an_id_cannot_be_chosen_to_meet_anothers_slug() -> None:
    assert slug(slug("Iris")) != slug("Iris")


def test_a_key_depends_on_each_part_and_on_their_borders() -> None:
    assert re.fullmatch(r"[0-9a-f]{40}", mls_key("p", "n", "m"))
    assert mls_key("ab", "c", "m") != mls_key("a", "bc", "m")
    assert digest_of("a", "") != digest_of("", "a")
