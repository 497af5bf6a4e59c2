"""The words that stay in a line of a log: those that say what went wrong, and can say nothing of a customer.

A list of what is secret is never complete, so this is a list of what is not: the words of this tool's own explanations
of codes, names of exceptions, and those that engines, registries and servers say when they fail.
"""

import builtins
import re
from functools import cache
from http import HTTPStatus
from importlib import resources
from typing import Final, get_args

from migrate.core.codes.blame import CAUSES
from migrate.core.codes.catalogue import CODES
from migrate.core.events import Step
from migrate.core.values import OutcomeKind, ProofLevel, Verdict
from migrate.migration.journal.ledger import KINDS
from migrate.ovhcloud.apps import State

_SHORTEST: Final = 2

_EXIT_CODES: Final = frozenset({"0", "1", "2", "126", "127", "132", "134", "137", "139", "143"})


@cache
def words() -> frozenset[str]:
    """All of them, in lower case."""
    listed = resources.files(__package__).joinpath("words.txt").read_text(encoding="utf-8").splitlines()
    found = {*_EXIT_CODES, *(word for line in listed if not line.startswith("#") for word in line.split())}
    for code, meaning in CODES.items():
        found.add(code)
        found |= set(re.findall(r"[a-z]+", f"{meaning.text} {meaning.next_step}".lower()))
    found |= {name.lower() for name in dir(builtins) if name.endswith(("Error", "Exception", "Warning", "Interrupt"))}
    found |= {str(status.value) for status in HTTPStatus}
    for group in (Step, OutcomeKind, ProofLevel, Verdict):
        found |= set(get_args(group))
    found |= {*KINDS, *CAUSES, *(state.value.lower() for state in State)}
    return frozenset(word for word in found if len(word) >= _SHORTEST or word.isdecimal())


FORMATS: Final = frozenset(
    {"onnx", "tensorflow", "keras", "torch", "torchscript", "sklearn", "scikit-learn", "pmml", "xgboost", "lightgbm"}
    | {"catboost", "huggingface", "transformers", "fastai", "spacy", "pickle", "savedmodel", "tflite", "coreml"}
    | {"tokenizer", "torch-checkpoint", "pytorch", "joblib", "safetensors", "gguf", "processor"}
)
"""Words for formats and runtimes that may be told; another one is a name."""
