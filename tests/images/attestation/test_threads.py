"""Locks that several models need at once."""

import ast
import threading
import time

import pytest
from packaging import _parser

from migrate.images.attestation import lock
from migrate.images.attestation.lock import counting, parse_lock
from tests.images.attestation.parts import lock_text


def test_only_one_thread_is_in_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that were in it ended runs of several models now and then, on CPython 3.11."""
    inside, most = 0, 0
    parse = ast.literal_eval

    def watched(text: str) -> object:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.001)  # whoever waits comes in
        found = parse(text)
        inside -= 1
        return found

    monkeypatch.setattr(_parser.ast, "literal_eval", watched)
    text = lock_text("onnx")
    results = []

    def work() -> None:
        lock._parsed.cache_clear()
        results.append(counting(parse_lock(text), "3.11"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert len(results) == 4
    assert len(set(results)) == 1
