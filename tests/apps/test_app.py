from migrate.apps import states
from migrate.contract import contract
from migrate.ovhcloud.apps import App, AppSpec, State


def test_the_states_are_the_contracts() -> None:
    assert {state.value for state in State} == set(contract().models["cloud.project.ai.app.AppStateEnum"].enum or ())


def test_each_state_is_waited_for_or_an_end() -> None:
    on_the_way = {State.QUEUED, State.INITIALIZING, State.SCALING}
    assert on_the_way | states.SERVING | states.ENDED == set(State)
    assert not on_the_way & states.ENDED
    assert not states.SERVING & states.ENDED


def test_what_is_started_again_never_answers_meanwhile() -> None:
    assert not states.RESTARTED & (states.ANSWERING | states.GONE)
    assert states.RESTING < states.RESTARTED < states.ENDED


def test_the_apis_texts_are_members() -> None:
    assert App(id="a", spec=AppSpec(image="i")).state == State.QUEUED
    assert "RUNNING" in states.SERVING
    assert "A_STATE_OF_TOMORROW" not in states.ENDED
