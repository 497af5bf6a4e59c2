#!/usr/bin/env bash
# Question: The same texts, the same settings, no randomness asked for: does tokenizers train the same tokenizer again?
# Guess:    Yes, as byte-pair encoding does: counts decide, and ties are broken by order.
# Truth:    BPE and WordLevel, yes. WordPiece and Unigram give another vocabulary nearly each time, also in one process
#           and without threads, and so other ids for the same text. The trainers have no seed. A model fits only the
#           tokenizer file that it was trained with: keep that file, as it cannot be made again.
# Versions: tokenizers 0.23.3, CPython 3.11.
# Seen:
#    BPE: more than one vocabulary in 12 trainings: False
#    WordLevel: more than one vocabulary in 12 trainings: False
#    WordPiece: more than one vocabulary in 12 trainings: True
#    Unigram: more than one vocabulary in 12 trainings: True
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
untried() {
  echo "not tried: $*" >&2
  exit 77
}

PATH="$PATH:$(cd "$(dirname "$0")/.." && pwd)/.venv/bin" # the uv of the checkout
command -v uv >/dev/null || untried "this needs uv on PATH"
uv venv --quiet --python 3.11 "$work/env" || untried "this needs Python 3.11"
uv pip install --quiet --python "$work/env" --only-binary :all: \
  tokenizers==0.23.3 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import os
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: E402

texts = [
    "the cat sat on the mat",
    "a dog and a cat",
    "models move from one house to another",
    "mat cat sat bat rat hat",
] * 30
options = {"vocab_size": 70, "show_progress": False}
kinds = {
    "BPE": (models.BPE, trainers.BpeTrainer(**options)),
    "WordLevel": (models.WordLevel, trainers.WordLevelTrainer(**options)),
    "WordPiece": (models.WordPiece, trainers.WordPieceTrainer(**options)),
    "Unigram": (models.Unigram, trainers.UnigramTrainer(**options)),
}


def trained(model, trainer):
    tokenizer = Tokenizer(model())
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(texts, trainer)
    return tuple(sorted(tokenizer.get_vocab().items()))


varies = {}
for name, (model, trainer) in kinds.items():
    varies[name] = len({trained(model, trainer) for _ in range(12)}) > 1
    print(f"{name}: more than one vocabulary in 12 trainings: {varies[name]}")

if list(varies.values()) != [False, False, True, True]:
    sys.exit("changed: other trainings vary")
PYTHON
