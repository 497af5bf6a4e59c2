"""What goes wrong ends in one sentence, the documented exit code, and a clean second run; `why` tells it afterwards."""

import json
import shutil
from pathlib import Path

import pytest

from migrate.sandbox import control
from tests.e2e.harness import GOOD, NAMESPACE, ROOT, Tool, ending

HOSTILE = '../../x"\nRUN nowhere'


def _one_sentence(text: str) -> None:
    assert text
    assert "\n" not in text
    assert "Traceback" not in text
    assert text.rstrip().endswith((".", "?", "!", ")"))


def test_an_unknown_namespace(tool: Tool) -> None:
    ended = tool.run("00000000-0000-4000-8000-000000000000")
    assert ended.code == 3
    _one_sentence(ended.error["what"])
    assert ended.error["next_step"]
    assert ended.error["query_id"]


def test_a_wrong_key(tool: Tool) -> None:
    ended = tool.run(OVH_APPLICATION_KEY="0123456789abcdef")
    assert (ended.code, ended.error["code"]) == (3, "wrong-key")
    _one_sentence(ended.error["what"])
    assert tool.sandbox.left()["apps"] == []


@pytest.mark.slow
def test_after_a_wrong_key_the_right_one_is_enough(tool: Tool) -> None:
    assert tool.run(OVH_APPLICATION_KEY="0123456789abcdef").code == 3
    assert tool.run(NAMESPACE, "--model", "iris").code == 0


@pytest.mark.slow
def test_a_missing_right_is_named(tool: Tool) -> None:
    control.fail(tool.sandbox.folder, "not-granted", method="POST", path_regex="/ai/app$")
    ended = tool.run(NAMESPACE, "--model", "iris")
    assert ended.code in (3, 4), ended.out
    assert "ai/app/create" in json.dumps(ended.result)
    control.release(tool.sandbox.folder)
    assert tool.run(NAMESPACE, "--model", "iris").code == 0
    assert len(tool.sandbox.left()["apps"]) == 1


def test_an_expired_credential(tool: Tool) -> None:
    control.fail(tool.sandbox.folder, "expired-credential")
    ended = tool.run()
    assert ended.code == 3
    _one_sentence(ended.error["what"])


@pytest.mark.slow
def test_a_clock_that_lies(tool: Tool) -> None:
    control.fail(tool.sandbox.folder, "clock-skew", lying=True)
    ended = tool.run()
    assert (ended.code, ended.error["code"]) == (3, "clock-skew")
    _one_sentence(ended.error["what"])
    control.release(tool.sandbox.folder)
    assert tool.run(NAMESPACE, "--model", "iris").code == 0


@pytest.mark.slow
def test_a_clock_that_jumps_is_read_again(tool: Tool) -> None:
    control.fail(tool.sandbox.folder, "clock-skew", nth=4)
    assert tool.run(NAMESPACE, "--model", "iris").code == 0


def test_the_engine_is_not_running(tool: Tool) -> None:
    ended = tool.run(NAMESPACE, "--model", "iris", DOCKER_HOST="tcp://127.0.0.1:1")
    assert ended.code == 7
    text = json.dumps(ended.result)
    assert "engine-not-running" in text
    assert tool.run(NAMESPACE, "--model", "iris").code == 0


@pytest.mark.slow
def test_the_registry_refuses_the_login(tool: Tool) -> None:
    registry = _registry(tool)
    ended = tool.run(
        NAMESPACE, "--model", "iris", "--registry", f"{registry}/mine", "--registry-user", "somebody",
        MIGRATE_REGISTRY_PASSWORD="not-the-password",
    )  # fmt: skip
    assert ended.code == 7, ended.out
    assert "registry-login" in json.dumps(ended.result)
    assert "not-the-password" not in ended.out + ended.err
    assert tool.run(NAMESPACE, "--model", "iris").code == 0


@pytest.mark.slow
def test_a_registry_that_is_down(tool: Tool) -> None:
    control.fail(tool.sandbox.folder, "registry-down")
    ended = tool.run(NAMESPACE, "--model", "iris")
    assert ended.code in (5, 7), ended.out
    control.release(tool.sandbox.folder)
    assert tool.run(NAMESPACE, "--model", "iris").code == 0


@pytest.mark.slow
def test_a_push_that_is_interrupted(tool: Tool) -> None:
    with tool.start("run", NAMESPACE, "--model", "iris", "--yes", "--authorize", "--json") as process, ending(process):
        assert process.stdout is not None
        events: list[dict[str, object]] = []
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "step-started" and events[-1]["step"] == "push":
                control.fail(tool.sandbox.folder, "registry-down")
        process.wait(timeout=120)
    assert process.returncode in (5, 7), events[-1]
    assert events[-1]["event"] == "result"
    control.release(tool.sandbox.folder)
    again = tool.run(NAMESPACE, "--model", "iris")
    assert again.code == 0, again.out
    assert again.outcomes["iris"]["outcome"] == "done"


@pytest.mark.slow
def test_truncated_downloads_are_noticed(tool: Tool) -> None:
    control.fail(tool.sandbox.folder, "truncated-download", after_bytes=100, times=2)
    assert tool.run(NAMESPACE, "--model", "titanic").code == 0, "what arrived is kept, and the rest is asked for"
    control.fail(tool.sandbox.folder, "truncated-download", after_bytes=0)
    ended = tool.run(NAMESPACE, "--model", "iris")
    assert ended.code in (4, 5), ended.out
    assert "truncated" in json.dumps(ended.result)
    why = tool("why", NAMESPACE, "iris")
    assert why.code == 0
    assert "truncated" in why.out.lower() or "bytes" in why.out
    control.release(tool.sandbox.folder)
    assert tool.run(NAMESPACE, "--model", "iris").code == 0


@pytest.mark.slow
def test_a_service_that_limits_and_stumbles_is_asked_again(tool: Tool) -> None:
    control.fail(tool.sandbox.folder, "429", times=2, retry_after=1)
    control.fail(tool.sandbox.folder, "5xx", method="GET", nth=6, times=2)
    assert tool.run(NAMESPACE, "--model", "iris").code == 0


def test_an_app_that_was_created_and_not_answered_is_found(tool: Tool) -> None:
    control.fail(tool.sandbox.folder, "5xx", method="POST", path_regex="/ai/app$", done=True, times=1)
    first = tool.run(NAMESPACE, "--model", "iris")
    second = first if first.code == 0 else tool.run(NAMESPACE, "--model", "iris")
    assert second.code == 0, second.out
    assert len(tool.sandbox.left()["apps"]) == 1


@pytest.mark.slow
def test_an_app_that_fails_shows_why(tool: Tool) -> None:
    control.fail(tool.sandbox.folder, "app-failed", message="no capacity of flavor ai1-1-cpu")
    ended = tool.run(NAMESPACE, "--model", "iris")
    assert ended.code == 4
    assert "no capacity" in json.dumps(ended.result)
    control.release(tool.sandbox.folder)
    assert tool.run(NAMESPACE, "--model", "iris").code == 0
    assert len(tool.sandbox.left()["apps"]) == 1


@pytest.mark.parametrize(
    "mode", [pytest.param("scale", marks=pytest.mark.slow), "swap", pytest.param("nan", marks=pytest.mark.slow)]
)
def test_drift_needs_you_and_is_named(tool: Tool, mode: str) -> None:
    control.fail(tool.sandbox.folder, "drift", mode=mode)
    models = ("iris",) if mode == "swap" else GOOD  # housing has no labels to swap
    ended = tool.run(NAMESPACE, *(word for model in models for word in ("--model", model)))
    assert ended.code == 4
    for model in models:
        outcome = ended.outcomes[model]
        assert outcome["outcome"] == "needs-you", outcome
        why = tool("why", NAMESPACE, model)
        assert why.code == 0
        assert "tensor '" in outcome["text"], outcome
        if mode != "nan":
            assert "difference" in outcome["text"], outcome


def test_a_hostile_model_id_stays_text(tool: Tool, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.json"
    index = json.loads((ROOT / "examples" / "models" / "index.json").read_text(encoding="utf-8"))
    model = next(model for model in index["models"] if model["id"] == "iris")
    tokens = index["tokens"]
    inventory.write_text(
        json.dumps({"namespace": index["namespace"], "models": [model | {"id": HOSTILE}], "tokens": tokens}),
        encoding="utf-8",
    )
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    ended = tool.run(str(inventory))
    assert ended.code == 0, ended.out
    assert ended.outcomes[HOSTILE]["outcome"] == "done"
    why = tool("why", str(inventory), HOSTILE)
    assert why.code == 0
    assert not (tmp_path.parent / "x").exists()


def _registry(tool: Tool) -> str:
    running = control.status(tool.sandbox.folder)
    assert running is not None
    return running.registry_address
