"""Run in the environment of the tokenizers runtime: trains ``tokenizer.json`` on the texts of its input.

The ids of the same texts are written to the file ``encodings`` of its input.
"""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

content = json.load(sys.stdin)
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(vocab_size=180, show_progress=False, special_tokens=["<unk>"])
tokenizer.train_from_iterator(content["corpus"], trainer)
tokenizer.save(str(Path(sys.argv[1], "tokenizer.json")), pretty=False)
encodings = [tokenizer.encode(text, add_special_tokens=False).ids for text in content["corpus"]]
Path(content["encodings"]).write_text(json.dumps(encodings), encoding="utf-8")
