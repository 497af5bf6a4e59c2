"""A tokenizer of byte pairs, trained on messages to a support desk."""

import json
import tempfile
from pathlib import Path

from format_models.writing import export, write_json, write_sample

CORPUS = (
    "the server does not answer any more",
    "my server answers slowly since this morning",
    "how do I renew my domain name before it expires",
    "the renewal of the domain was charged twice",
    "I cannot log in to my account with the new password",
    "please send me the invoice of last month",
    "the invoice shows a server that I have cancelled",
    "is there an outage in the data centre of Gravelines",
    "mail to my domain is not delivered since the outage",
    "please change the address on my invoice",
)
URGENT = (0, 1, 4, 7, 8)  # of these, the ones that cannot wait


def train(folder: Path) -> list[list[int]]:
    """Write ``tokenizer.json`` and return the ids of the texts that it was trained on."""
    with tempfile.TemporaryDirectory() as scratch:
        encodings = Path(scratch, "encodings.json")
        export("tokenizer_export", "tokenizers", folder, {"corpus": CORPUS, "encodings": str(encodings)})
        ids: list[list[int]] = json.loads(encodings.read_text(encoding="utf-8"))
    return ids


def make_tokenizer(folder: Path, samples: Path) -> None:
    """The manifest, the trained tokenizer, and what it makes of a word and of two."""
    train(folder)
    write_json(folder / "manifest.json", {"type": "huggingface_tokenizer", "saved_model_uri": "tokenizer.json"})
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    known = {"word": "server", "two-words": "the domain"}
    for name, text in known.items():
        tokens = [f"Ġ{word}" for word in text.split()]
        if not all(token in vocabulary for token in tokens):
            raise SystemExit(f"the corpus no longer makes {tokens} one token each")
        ids = [vocabulary[token] for token in tokens]
        zeros, ones = [0] * len(ids), [1] * len(ids)
        answer = {"tokens": tokens, "ids": ids, "typeIds": zeros, "specialTokensMask": zeros, "attentionMask": ones}
        single = len(ids) == 1
        write_sample(
            samples, name, {"input1": [text]}, {key: value[0] if single else value for key, value in answer.items()}
        )
