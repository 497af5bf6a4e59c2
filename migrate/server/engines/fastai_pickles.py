"""Pickles of fastai 2.0 to 2.8 read with the pandas and spaCy of today, which name and keep some things in other ways.

Passed to ``load_learner`` in place of the module ``pickle``. Unpickling runs what the file says, as it does there.
"""

import pickle
from types import SimpleNamespace
from typing import Any, Final

import pandas as pd
from fastai.text.core import SpacyTokenizer

# Classes that pandas 2 made one of (https://pandas.pydata.org/docs/whatsnew/v2.0.0.html).
_INDEXES: Final = frozenset({"Int64Index", "UInt64Index", "Float64Index"})
_SPACY: Final = frozenset({"spacy", "preshed", "thinc", "srsly", "cymem", "murmurhash"})


class _Kind(type):
    """Classes whose attributes are recorded too: pickles name functions by their class."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Method(cls, name)


class _Recorded(metaclass=_Kind):
    """A thing of spaCy as its pickle describes it: no version of spaCy loads what another one pickled."""

    full_name = ""

    def __new__(cls, *arguments: Any, **_: Any) -> "_Recorded":
        made = super().__new__(cls)
        made.__dict__["arguments"] = arguments
        return made

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take whatever the pickle gives."""

    def __setstate__(self, state: Any) -> None:
        self.__dict__["state"] = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Items of tables: nothing of them is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Method(self, name)


class _Method(_Recorded):
    """A method of a recorded thing, which pickles name by the thing and its name."""


class _Tokenizer(SpacyTokenizer):  # type: ignore[misc]  # fastai has no types
    """fastai's tokenizer with the rules of its pickle in the spaCy that is here."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        pipe = state.get("pipe")
        if isinstance(pipe, _Method):
            state = {**state, "pipe": _language(pipe.arguments[0]).pipe}
        self.__dict__.update(state)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        top = module.partition(".")[0]
        if top in _SPACY:
            return _Kind(name, (_Recorded,), {"full_name": f"{module}.{name}"})
        if (module, name) == ("fastai.text.core", "SpacyTokenizer"):
            return _Tokenizer
        if module == "pandas.core.indexes.numeric" and name in _INDEXES:
            return pd.Index
        return super().find_class(module, name)


PICKLE: Final = SimpleNamespace(__name__="pickle", Unpickler=_Unpickler, load=pickle.load, loads=pickle.loads)
"""What ``torch.load`` takes for a module of pickles."""


def _language(recorded: _Recorded) -> Any:
    """An empty pipeline of the recorded language, with the recorded rules of its tokenizer.

    The rules of a language change from one spaCy to the next, and a model knows the words that those of its training
    made.
    """
    import spacy  # noqa: PLC0415 - learners of tables do without
    from spacy.attrs import ORTH  # noqa: PLC0415
    from spacy.tokenizer import Tokenizer  # noqa: PLC0415

    language = spacy.blank(recorded.full_name.split(".")[2])
    tokenizer = recorded.state["tokenizer"]
    _, rules, *patterns = tokenizer.arguments
    # Before version 3 the rules of words had their lemmas and tags too, which no rule may have now.
    words = {text: [{ORTH: piece[ORTH]} for piece in pieces] for text, pieces in rules.items()}
    language.tokenizer = Tokenizer(language.vocab, words, *patterns)
    return language
