"""What runtimes weigh, alone and together in one image."""

import pytest

from migrate.images.runtime.templates import runtimes
from migrate.migration.plan.weights import memory_of, weight

UNMEASURED = {"fastai27", "jpmml"}


def image(runtime: str) -> int:
    found = weight(runtime)
    assert found is not None
    return found.image


def test_what_was_not_measured_is_not_known() -> None:
    assert {name for name in runtimes() if weight(name) is None} == UNMEASURED
    assert weight("jpmml+onnx") is None
    assert memory_of("jpmml+onnx", [1], [None]) is None


@pytest.mark.parametrize(
    ("together", "alone"),
    [("torch+transformers", "transformers"), ("keras+tensorflow", "keras"), ("fastai+torch", "fastai")],
)
def test_a_runtime_whose_packages_are_there_already_adds_nothing(together: str, alone: str) -> None:
    assert weight(together) == weight(alone)


@pytest.mark.parametrize("together", ["onnx+tokenizers", "onnx+pmml", "tokenizers+torch"])
def test_runtimes_share_what_every_runtime_has(together: str) -> None:
    first, second = together.split("+")
    assert image(together) == image(first) + image(second) - image("processors")


def test_of_three_each_counts_without_what_the_others_brought() -> None:
    assert image("fastai+onnx+transformers") == image("fastai+transformers") + image("onnx") - image("processors")
    assert image("fastai+transformers") == image("fastai") + image("transformers") - image("torch")
