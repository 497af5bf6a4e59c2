#!/usr/bin/env bash
# Question: Does training SentencePiece twice on the same text give the same .model file?
# Guess:    Yes: training is deterministic, and a model is its pieces and their scores.
# Truth:    Only from the same place. The file holds the trainer's settings, among them the path of the text and the
#           prefix of the output, so two checkouts (or two users) get other bytes, and whoever receives the model
#           reads the names of your folders. Texts given by an iterator leave no path and give equal bytes.
# Versions: sentencepiece 0.2.3, CPython 3.11.
# Seen:
#    from two folders: equal pieces and scores: True
#    from two folders: equal bytes: False
#    the file names the text and the prefix: True
#    from an iterator, twice: equal bytes: True
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
  sentencepiece==0.2.3 ||
  untried "the packages cannot be installed; is a package index within reach?"

"$work/env/bin/python" - "$work" <<'PYTHON'
import io
import pathlib
import sys

from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

lines = [f"the cat number {number} sat on a mat of {number * 7} threads" for number in range(300)]


def from_file(folder):
    folder.mkdir()
    (folder / "text.txt").write_text("\n".join(lines))
    SentencePieceTrainer.train(
        input=str(folder / "text.txt"), model_prefix=str(folder / "pieces"), vocab_size=60, minloglevel=3
    )
    return (folder / "pieces.model").read_bytes()


def from_iterator():
    model = io.BytesIO()
    SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=model, vocab_size=60, minloglevel=3)
    return model.getvalue()


def pieces(model):
    processor = SentencePieceProcessor(model_proto=model)
    return [(processor.id_to_piece(place), processor.get_score(place)) for place in range(len(processor))]


here, there = (pathlib.Path(sys.argv[1]) / name for name in ("here", "there"))
first, second = from_file(here), from_file(there)
by_iterator = from_iterator(), from_iterator()
same_pieces = pieces(first) == pieces(second)
named = str(here / "text.txt").encode() in first and str(here / "pieces").encode() in first
print("from two folders: equal pieces and scores:", same_pieces)
print("from two folders: equal bytes:", first == second)
print("the file names the text and the prefix:", named)
print("from an iterator, twice: equal bytes:", by_iterator[0] == by_iterator[1])

if not same_pieces or first == second or not named or by_iterator[0] != by_iterator[1]:
    sys.exit("changed: the path no longer decides the bytes, or something else does")
PYTHON
