"""Exports of fastai 2 as pickles: what pandas and spaCy named otherwise when they were written."""

import io
import pickle
from typing import Any

import pandas as pd

# torch.load asks a module for these.
load = pickle.load
loads = pickle.loads


class Unpickler(pickle.Unpickler):
    """Finds today's classes for the names of then, and notes what spaCy's would have been."""

    def __init__(self, file: io.BufferedIOBase, **keywords: Any) -> None:
        super().__init__(file, **keywords)
        self.notes: dict[str, type] = {}

    def find_class(self, module: str, name: str) -> Any:
        """A class or function by its name."""
        if module == "pandas.core.indexes.numeric":
            return pd.Index
        if module.split(".", maxsplit=1)[0] in ("spacy", "preshed", "thinc", "srsly"):
            full = f"{module}.{name}"
            return self.notes.setdefault(full, Named(name, (Note,), {"named": full}))
        return super().find_class(module, name)


class Named(type):
    """The class of classes whose every attribute is a note."""

    def __getattr__(cls, name: str) -> Any:
        if name[:2] == "__":
            raise AttributeError(name)
        return Note(cls, name)


class Note(metaclass=Named):
    """Whatever a pickle says of a thing, kept."""

    named = ""

    def __new__(cls, *said: Any) -> "Note":
        """Keep what is said."""
        note = object.__new__(cls)
        vars(note).update(said=said, attributes={})
        return note

    def __setstate__(self, attributes: Any) -> None:
        vars(self)["attributes"] = attributes

    def __setitem__(self, key: Any, value: Any) -> None:
        """Entries of a table: not asked for."""

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":
            raise AttributeError(name)
        return Note(self, name)


def mend(tokenizer: Any) -> None:
    """Give a tokenizer of fastai whose spaCy is a note the same rules in the spaCy that is here."""
    if not isinstance(getattr(tokenizer, "pipe", None), Note):
        return
    import spacy  # noqa: PLC0415 - for texts only
    from spacy.symbols import ORTH  # noqa: PLC0415

    then, _ = tokenizer.pipe.said
    now = spacy.blank(then.named.split(".")[2])
    vocabulary_and_rules, patterns = then.attributes["tokenizer"].said[:2], then.attributes["tokenizer"].said[2:]
    names = ("prefix_search", "suffix_search", "infix_finditer", "token_match", "url_match")
    now.tokenizer = type(now.tokenizer)(now.vocab, **dict(zip(names, patterns, strict=False)))
    for text, parts in vocabulary_and_rules[1].items():
        now.tokenizer.add_special_case(text, [{ORTH: part[ORTH]} for part in parts])
    tokenizer.pipe = now.pipe
