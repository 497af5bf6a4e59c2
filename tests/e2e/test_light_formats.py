"""Models of two small runtimes besides ONNX's, through the whole journey."""

import pytest

from tests.e2e.harness import FORMATS, Tool
from tests.e2e.test_formats import BIGGEST_DIFFERENCE, SAMPLES, assert_close, post, requests_of

MODELS = {"ages-scaler": "live", "support-tokens": "recorded"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_models_are_migrated_proven_and_answer_as_their_training_code_did(tool: Tool) -> None:
    chosen = [word for model in MODELS for word in ("--model", model)]
    ended = tool.run(FORMATS, "--samples", str(SAMPLES), *chosen, timeout=500)
    assert ended.code == 0, ended.err
    headers = tool.headers()
    for model, proof in MODELS.items():
        outcome = ended.outcomes[model]
        assert (outcome["outcome"], outcome["proof"]) == ("done", proof)
        assert outcome.get("worst_difference", 0.0) <= BIGGEST_DIFFERENCE
        for sample in requests_of(model):
            answer = post(outcome["new_url"], sample["request"], headers[model])
            assert answer.status_code == 200, answer.text
            assert_close(answer.json(), sample["answer"])
