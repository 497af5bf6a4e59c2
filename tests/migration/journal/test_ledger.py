"""Effects: the intent before, the id after, users counted."""

from migrate.migration.journal.journal import Journal


def test_an_effect_has_its_intent_before_and_its_id_after(journal: Journal) -> None:
    effects = journal.effects
    before = effects.intend("app", "unit:a", {"key": "k"}, unit="unit:a")
    assert (before.external_id, before.done_at, before.run) == (None, None, 1)
    after = effects.done(before, "id-1", url="http://x")
    assert (after.external_id, after.text("key"), after.text("url")) == ("id-1", "k", "http://x")
    assert effects.find("app", "unit:a") == after
    assert effects.learn(after, url="http://y").text("url") == "http://y"
    assert after.text("nothing") == ""


def test_what_is_gone_is_not_found_but_not_forgotten(journal: Journal) -> None:
    effects = journal.effects
    first = effects.done(effects.intend("token", "unit:a", {}, unit="unit:a"), "1")
    effects.gone(first)
    assert effects.find("token", "unit:a") is None
    second = effects.intend("token", "unit:a", {}, unit="unit:a")
    assert effects.find("token", "unit:a") == second
    assert [effect.id for effect in effects.all()] == [first.id, second.id]
    assert effects.existing("app") == ()
    assert effects.existing("token", "app") == (second,)


def test_users_are_counted(journal: Journal) -> None:
    effects = journal.effects
    user = effects.intend("user", "u", {}, unit="unit:a")
    effects.use(user, "unit:b")
    effects.use(user, "unit:b")
    assert effects.get(user.id).units == ("unit:a", "unit:b")
    assert effects.release(user, "unit:a") == 1
    assert effects.release(user, "unit:b") == 0
