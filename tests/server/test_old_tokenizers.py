"""Tokenizers and pipelines as the libraries of ML Serving's years read and answered them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.parity.oracle import reference
from tests.server.format_models import TOKENIZER, ok, python_of, serving, write
from tests.server.process import Server

pytestmark = pytest.mark.runtimes

LENGTHS = """
import json, sys
from pathlib import Path
import torch, transformers
from migrate.server.engines import load
from migrate.server.model_files import read_model

root = Path(sys.argv[1])
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "late", "the", "order", *(f"w{n}" for n in range(40))]
torch.manual_seed(0)
for name, model in {
    "TextGenerationPipeline": transformers.GPT2LMHeadModel(transformers.GPT2Config(
        vocab_size=len(words), n_embd=8, n_layer=1, n_head=2, n_positions=64, bos_token_id=2, eos_token_id=3)),
    "Text2TextGenerationPipeline": transformers.BartForConditionalGeneration(transformers.BartConfig(
        vocab_size=len(words), d_model=8, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=8, decoder_ffn_dim=8, max_position_embeddings=64, pad_token_id=0,
        bos_token_id=2, eos_token_id=3, decoder_start_token_id=2, forced_eos_token_id=None)),
}.items():
    files = root / name / "files"
    files.mkdir(parents=True)
    (files / "vocab.txt").write_text("\\\\n".join(words))
    transformers.BertTokenizer(str(files / "vocab.txt")).save_pretrained(files)
    model.eval().save_pretrained(files)
    (files / "generation_config.json").unlink()  # which transformers 3 did not write
    field = {"name": "inputs", "type": "string", "shape": [-1]}
    own = {"pipeline_class": name, "tokenizer_class": "BertTokenizer", "model_class": type(model).__name__}
    settings = {"schema": 1, "id": name, "engine": "transformers", "entry": "config.json", "inputs": [field],
                "outputs": [{**field, "name": "generated_text"}], "transformers": own}
    (root / name / "model.json").write_text(json.dumps(settings))
    engine = load(read_model(root / name), threads=1)
    pipeline, ids = engine._pipeline, []
    decode = pipeline.tokenizer.decode
    pipeline.tokenizer.decode = lambda tokens, **options: (ids.append(len(tokens)), decode(tokens, **options))[1]
    import numpy
    texts = numpy.array(["the order", "late " * 30], object)
    found = engine.run({"inputs": texts})["generated_text"].tolist()
    print(json.dumps({"name": name, "lengths": ids, "second": found[1]}))
"""

FLAUBERT = """
import json, sys
from pathlib import Path
import numpy, torch, transformers
from migrate.server.engines import load
from migrate.server.model_files import read_model

files = Path(sys.argv[1]) / "files"
files.mkdir(parents=True)
words = ["<s>", "</s>", "<pad>", "<unk>", "<special0>", "<special1>", "c", "h", "a", "t</w>", "ch", "cha", "chat</w>"]
(files / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
(files / "merges.txt").write_text("c h 9\\nch a 8\\ncha t</w> 7\\n")
tokenizer = transformers.FlaubertTokenizer(str(files / "vocab.json"), str(files / "merges.txt"))
tokenizer.save_pretrained(files)
torch.manual_seed(0)
config = transformers.FlaubertConfig(vocab_size=len(words), emb_dim=8, n_layers=1, n_heads=2, pad_index=2)
network = transformers.FlaubertModel(config).eval()
network.save_pretrained(files)
own = {"pipeline_class": "FeatureExtractionPipeline", "tokenizer_class": "FlaubertTokenizer",
       "model_class": "FlaubertModel"}
settings = {"schema": 1, "id": "m", "engine": "transformers", "entry": "config.json", "transformers": own,
            "inputs": [{"name": "inputs", "type": "string", "shape": [-1]}],
            "outputs": [{"name": "features", "type": "float", "shape": [-1, -1, 8]}]}
(files.parent / "model.json").write_text(json.dumps(settings))
found = load(read_model(files.parent), threads=1).run({"inputs": numpy.array(["chat"], object)})["features"]
with torch.no_grad():
    wanted = network(**tokenizer("chat", return_tensors="pt"))[0]
print(numpy.abs(found - wanted.numpy()).max() < 1e-6, found.shape)
"""


def tokenizer(model: dict[str, Any], **parts: Any) -> dict[str, Any]:
    absent = dict.fromkeys(("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder"))
    return {"version": "1.0", **absent, "added_tokens": [], **parts, "model": model}


WORDS = {"[UNK]": 0, "<s>": 1, "</s>": 2, "the": 3, "cat": 4}
LEVEL = {"type": "WordLevel", "vocab": WORDS, "unk_token": "[UNK]"}
ROBERTA = {
    "type": "RobertaProcessing",
    "sep": ["</s>", 2],
    "cls": ["<s>", 1],
    "trim_offsets": True,
    "add_prefix_space": False,
}
PIECES = {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["\u2581", -3.0], ["the", -1.0], ["cat", -2.0]]}
METASPACE = {"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": False}
FILES = {
    "words": tokenizer(LEVEL, normalizer={"type": "Lowercase"}, pre_tokenizer={"type": "Whitespace"}),
    "roberta": tokenizer(LEVEL, pre_tokenizer={"type": "Whitespace"}, post_processor=ROBERTA),
    "metaspace": tokenizer(
        PIECES, pre_tokenizer={"type": "Sequence", "pretokenizers": [METASPACE]}, decoder=dict(METASPACE)
    ),
}
ASKED: dict[str, tuple[dict[str, Any], dict[str, list[Any]]]] = {
    "words": ({"input1": ["The Dog"]}, {"tokens": ["the", "dog"], "ids": [3, 0]}),
    "words-apart": ({"input1": ["The", "Dog"]}, {"tokens": ["the", "dog"], "ids": [3, 0]}),
    "roberta": ({"input1": ["the"], "input2": ["cat the"]}, {"typeIds": [0, 1, 1], "ids": [3, 4, 3]}),
    "metaspace": ({"input1": ["the cat"]}, {"tokens": ["the", "\u2581", "cat"], "ids": [2, 1, 3]}),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("tokenizers")
    for name, content in FILES.items():
        place = write(root / "models" / name, TOKENIZER)
        (place / "files/tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    with serving(root / "models", "tokenizers", root) as started:
        yield started


@pytest.mark.parametrize("name", list(ASKED))
def test_an_encoding_says_what_it_said(name: str, server: Server) -> None:
    request, wanted = ASKED[name]
    found = ok(server.eval(request, f"/{name.removesuffix('-apart')}/eval"))
    assert {key: found[key] for key in wanted} == wanted


@pytest.mark.parametrize("name", list(ASKED))
def test_the_reference_says_the_same(name: str, tmp_path: Path) -> None:
    request, wanted = ASKED[name]
    (tmp_path / "files").mkdir()
    (tmp_path / "files/tokenizer.json").write_text(json.dumps(FILES[name.removesuffix("-apart")]), encoding="utf-8")
    with reference(tmp_path / "files", tmp_path / "run", python=python_of("tokenizers")) as ask:
        assert "known" in ask({"model": TOKENIZER})
        found = ask({"request": request})["outputs"]
    assert {key: found[key] for key in wanted} == wanted


def test_a_length_counts_the_prompt(tmp_path: Path) -> None:
    done = subprocess.run(
        [python_of("transformers"), "-W", "ignore", "-c", LENGTHS, str(tmp_path)],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(tmp_path), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert set(found) == {"TextGenerationPipeline", "Text2TextGenerationPipeline"}, done.stderr[-2000:]
    assert 20 in found["TextGenerationPipeline"]["lengths"]
    assert max(found["Text2TextGenerationPipeline"]["lengths"]) <= 20
    # A prompt that is as long already is answered as it is.
    assert found["TextGenerationPipeline"]["second"] == "late " * 30


def test_a_tokenizer_that_splits_words_as_moses_does(tmp_path: Path) -> None:
    done = subprocess.run(
        [python_of("transformers"), "-W", "ignore", "-c", FLAUBERT, str(tmp_path)],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(tmp_path), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "True (1, 3, 8)", done.stderr[-2000:]
