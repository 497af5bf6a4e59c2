"""Run in the environment of the transformers runtime: a small pipeline of random weights, saved as customers did."""

import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers

content = json.load(sys.stdin)
folder = Path(sys.argv[1])
vocabulary = folder / "vocab.txt"
vocabulary.write_text("\n".join(content["words"]) + "\n", encoding="utf-8")
tokenizer = transformers.DistilBertTokenizer(str(vocabulary))
torch.manual_seed(0)
config = transformers.DistilBertConfig(
    vocab_size=len(content["words"]),
    dim=16,
    hidden_dim=32,
    n_layers=2,
    n_heads=2,
    max_position_embeddings=64,
    id2label=dict(enumerate(content["labels"])),
    label2id={label: place for place, label in enumerate(content["labels"])},
)
model = transformers.DistilBertForSequenceClassification(config).eval()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.mul_(8)  # answers that tell texts apart
pipeline = transformers.TextClassificationPipeline(model=model, tokenizer=tokenizer, framework="pt", device=-1)
pipeline.save_pretrained(str(folder), safe_serialization=True)
answers = {text: pipeline(text)[0] for text in content["texts"]}
Path(content["answers"]).write_text(json.dumps(answers), encoding="utf-8")
