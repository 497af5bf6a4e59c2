"""The client inside a rehearsed container: how often it asks whether the server is ready."""

import base64

import pytest

from migrate.images.trial.rehearsal_client import loads, pause


@pytest.mark.parametrize(("took", "seconds"), [(0.0, 0.02), (0.002, 0.02), (0.1, 0.4), (5.0, 1.0)])
def test_a_busy_machine_is_asked_less_often(took: float, seconds: float) -> None:
    assert pause(took) == pytest.approx(seconds)


def test_asking_takes_a_fifth_of_the_time_at_most_unless_an_answer_takes_very_long() -> None:
    for took in (0.005, 0.05, 0.25):
        assert took / (took + pause(took)) <= 0.2 + 1e-9


@pytest.mark.usefixtures("no_garbage")
@pytest.mark.parametrize(
    ("body", "waits"),
    [
        (b'{"status":"ready"}', False),
        (b'{"status":"ready","not_served":{"m":"broken"}}', False),
        (b'{"status":"ready","not_served":{"m":"it has been loading"},"loading":["m"]}', True),
        (b'["loading"]', False),
        (b"\xff", False),
        (b"[" * 100_000, False),
    ],
    ids=["ready", "one failed", "one loads", "a list", "no text", "deep"],
)
def test_it_waits_for_what_is_still_loading(body: bytes, waits: bool) -> None:
    assert loads(base64.b64encode(body).decode()) is waits
