"""Tokens on the sandbox's API: the proof's own go away, the customer's are handed over once."""

import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.apps import tokens as api
from migrate.core.errors import ExitCode, RemoteError
from migrate.migration.journey.result import make_result
from migrate.migration.journey.steps.tokens import delete_proof_tokens, hand_over, proof_token
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.migration.runs import app, run_of, unit


def test_the_customers_token_is_in_a_private_file_and_nowhere_else(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, events):
        file = hand_over(run, unit(), app(run))
        (token,) = api.list_tokens(cloud)
        header = file.read_text(encoding="utf-8")
        assert header.startswith("Authorization: Bearer ")
        assert header.endswith("\n")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert list(file.parent.iterdir()) == [file]
        assert token.role == "ai_training_read"
        assert token.label_selector == f"mls-key={unit().key(cloud.project)}"
        value = header.split()[-1].encode()
        assert not any(value in path.read_bytes() for path in tmp_path.rglob("journal.sqlite*"))
        assert value.decode() not in str(events)


def test_a_token_that_was_handed_over_is_never_touched_again(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        file = hand_over(run, unit(), app(run))
        text = file.read_text(encoding="utf-8")
    with run_of(cloud, tmp_path) as (run, _):
        assert hand_over(run, unit(), app(run)).read_text(encoding="utf-8") == text
        file.unlink()  # the person took it away
        assert not hand_over(run, unit(), app(run)).exists()
        assert len(api.list_tokens(cloud)) == 1


def test_a_token_that_somebody_deleted_is_made_anew(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        before = hand_over(run, unit(), app(run)).read_text(encoding="utf-8")
        (token,) = api.list_tokens(cloud)
        api.delete_token(cloud, token.id)
    with run_of(cloud, tmp_path) as (run, _):
        assert hand_over(run, unit(), app(run)).read_text(encoding="utf-8") != before
        assert len(api.list_tokens(cloud)) == 1


@pytest.mark.parametrize("killed", ["before the id", "after the id", "after the file"])
def test_a_token_that_was_not_handed_over_is_made_anew(cloud: Cloud, tmp_path: Path, killed: str) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        name = f"migrate-iris-{run.journal.id}"
        selector = f"mls-key={unit().key(cloud.project)}"
        effects = run.journal.effects
        effect = effects.intend("token", unit().subject, {"name": name, "selector": selector}, unit=unit().subject)
        lost = api.create_token(cloud, name=name, region="GRA", role="ai_training_read", label_selector=selector)
        if killed != "before the id":
            effects.done(effect, lost.id)
        if killed == "after the file":
            (tmp_path / "tokens").mkdir(mode=0o700)
            (tmp_path / "tokens" / "iris.header").write_text("old")
            (tmp_path / "tokens" / "iris.partial").write_text("half")
    with run_of(cloud, tmp_path) as (run, _):
        file = hand_over(run, unit(), app(run))
        (token,) = api.list_tokens(cloud)
        assert token.id != lost.id
        assert file.read_text(encoding="utf-8").startswith("Authorization: Bearer ")
        assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("answer", [{"status": 503}, {"status": 200, "html": True}], ids=["lost", "unreadable"])
def test_a_token_that_may_have_been_made_is_deleted_and_made_again(
    sandbox: Path, cloud: Cloud, tmp_path: Path, answer: dict[str, object]
) -> None:
    control.fail(sandbox, "5xx", method="POST", path_regex="/ai/token$", done=True, times=1, **answer)
    with run_of(cloud, tmp_path) as (run, _):
        hand_over(run, unit(), app(run))
        assert len(api.list_tokens(cloud)) == 1


def test_a_token_that_cannot_be_made_leaves_no_effect_behind(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    control.fail(sandbox, "429", method="POST", path_regex="/ai/token$", times=50)
    with run_of(cloud, tmp_path) as (run, _):
        with pytest.raises(RemoteError):
            hand_over(run, unit(), app(run))
        assert run.journal.effects.existing("token") == ()
        assert not (tmp_path / "tokens").exists()


def test_one_token_serves_all_proofs_of_a_run_and_goes(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        one, two = (proof_token(run, unit(name), app(run, name)) for name in ("iris", "titanic"))
        assert one == two
        (token,) = api.list_tokens(cloud)
        assert token.label_selector == f"mls-run={run.journal.id}"
        delete_proof_tokens(cloud, run.journal.effects)
        assert api.list_tokens(cloud) == ()
        assert run.journal.effects.existing("proof-token") == ()


def test_the_token_of_a_killed_runs_proof_is_deleted_by_the_next(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        proof_token(run, unit(), app(run))
    with run_of(cloud, tmp_path) as (run, _):
        delete_proof_tokens(cloud, run.journal.effects)
        assert api.list_tokens(cloud) == ()


def test_a_token_of_somebody_else_stays(cloud: Cloud, tmp_path: Path) -> None:
    theirs = api.create_token(cloud, name="theirs", region="GRA", role="ai_training_read", label_selector=None)
    with run_of(cloud, tmp_path) as (run, _):
        proof_token(run, unit(), app(run))
        delete_proof_tokens(cloud, run.journal.effects)
    assert [token.id for token in api.list_tokens(cloud)] == [theirs.id]


def test_a_token_whose_file_is_lost_is_told_and_replaced_where_that_is_asked_for(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        effects = run.journal.effects
        effects.done(effects.intend("app", unit().subject, {"wanted": ["iris"]}, unit=unit().subject), "id")
        file = hand_over(run, unit(), app(run))
        (lost,) = api.list_tokens(cloud)
        assert "not there" not in str(make_result(run, (), ExitCode.DONE).data["tokens_text"])
        file.unlink()
        told = str(make_result(run, (), ExitCode.DONE).data["tokens_text"])
        assert told.endswith(
            "not there any more: that of iris; a new one, which ends the old: migrate run ns --new-token iris"
        )
        run.options = replace(run.options, models=("titanic",))
        told = str(make_result(run, (), ExitCode.DONE).data["tokens_text"])
        assert told.endswith("migrate run ns --model iris --new-token iris"), "no other model is moved by it"
        run.options = replace(run.options, models=(), renew=("iris",))
        assert hand_over(run, unit(), app(run)).exists()
        (token,) = api.list_tokens(cloud)
        assert token.id != lost.id
        assert "not there" not in str(make_result(run, (), ExitCode.DONE).data["tokens_text"])
