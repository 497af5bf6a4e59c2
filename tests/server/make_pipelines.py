"""Run in the environment of the transformers runtime: a tiny pipeline of each kind that is served, FOLDER/<kind>/."""

import os
import sys
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "who", "is", "late", "the", "order", "?", "."]
BERT = {
    "FeatureExtractionPipeline": "DistilBertModel",
    "TokenClassificationPipeline": "DistilBertForTokenClassification",
    "QuestionAnsweringPipeline": "DistilBertForQuestionAnswering",
    "FillMaskPipeline": "DistilBertForMaskedLM",
}


def bert(folder: Path, kind: str) -> None:
    """A DistilBert with random weights and its vocabulary."""
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = transformers.DistilBertTokenizer(str(folder / "vocab.txt"))
    config = transformers.DistilBertConfig(
        vocab_size=len(WORDS), dim=8, hidden_dim=8, n_layers=1, n_heads=2, max_position_embeddings=512
    )
    save(folder, getattr(transformers, BERT[kind])(config), tokenizer)


def generator(folder: Path) -> None:
    """A GPT-2 with random weights that writes a few words more, by chance."""
    folder.mkdir(parents=True)
    tokenizer = transformers.BertTokenizer(str(folder.parent / "FillMaskPipeline/vocab.txt"))
    config = transformers.GPT2Config(vocab_size=len(WORDS), n_embd=8, n_layer=1, n_head=2, n_positions=512)
    model: Any = transformers.GPT2LMHeadModel(config)
    settings = {"do_sample": True, "max_new_tokens": 4, "pad_token_id": 0, "eos_token_id": None, "bos_token_id": 2}
    model.generation_config = transformers.GenerationConfig(**settings)
    save(folder, model, tokenizer)


def save(folder: Path, model: Any, tokenizer: Any) -> None:
    """Write both where a pipeline looks for them."""
    model.eval().save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


torch.manual_seed(0)
for each in BERT:
    bert(Path(sys.argv[1], each), each)
generator(Path(sys.argv[1], "TextGenerationPipeline"))
