from migrate.apps import app
from migrate.contract import contract
from migrate.ovhcloud.apps import App, AppSpec, State


def test_the_states_are_the_contracts() -> None:
    assert {state.value for state in State} == set(contract().models["cloud.project.ai.app.AppStateEnum"].enum or ())


def test_each_state_is_waited_for_or_an_end() -> None:
    on_the_way = {State.QUEUED, State.INITIALIZING, State.SCALING}
    assert on_the_way | app.SERVING | app.ENDED == set(State)
    assert not on_the_way & app.ENDED
    assert not app.SERVING & app.ENDED


def test_what_is_started_again_never_answers_meanwhile() -> None:
    assert not app.RESTARTED & (app.ANSWERING | app.GONE)
    assert app.RESTING < app.RESTARTED < app.ENDED


def test_the_apis_texts_are_members() -> None:
    assert App(id="a", spec=AppSpec(image="i")).state == State.QUEUED
    assert "RUNNING" in app.SERVING
    assert "A_STATE_OF_TOMORROW" not in app.ENDED
