"""Tokenizers as tokenizers 0.10 wrote them, and its encodings: of one text, and of two that belong together."""

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from writing import describe, keep, place

TEXTS = ["The late order", "the cat naïvely sat", "Paris, 2021!"]
PAIR = ("the order", "is late")
UNKNOWN = "[UNK]"
SPECIAL = {"[PAD]": 0, UNKNOWN: 1, "[CLS]": 2, "[SEP]": 3}
WORDS = {"the": 4, "late": 5, "order": 6, "cat": 7, "na": 8, "##ive": 9, "##ly": 10, "sat": 11, ",": 12, "is": 13}


def write(kind: str, tokenizer: Tokenizer) -> None:
    """A file, and what is encoded by it as it stands in the file."""
    file = place(kind) / "tokenizer.json"
    tokenizer.save(str(file))
    describe(kind, type="huggingface_tokenizer", saved_model_uri=file.name)
    again = Tokenizer.from_file(str(file))
    asked = [({"input1": [text]}, again.encode(text, add_special_tokens=False)) for text in TEXTS]
    both = [[PAIR[0]], [PAIR[1]]]
    asked.append(({"input1": both[0], "input2": both[1]}, again.encode(*PAIR, add_special_tokens=False)))
    keep(kind, *((request, answer(encoding)) for request, encoding in asked), shaped=False)


def answer(encoding: object) -> dict:
    """An encoding as the old runtime answered it."""
    return {
        "tokens": encoding.tokens,
        "ids": encoding.ids,
        "typeIds": encoding.type_ids,
        "specialTokensMask": encoding.special_tokens_mask,
        "attentionMask": encoding.attention_mask,
    }


pieces = Tokenizer(models.WordPiece({**SPECIAL, **WORDS}, unk_token=UNKNOWN))
pieces.normalizer = normalizers.BertNormalizer(lowercase=True)
pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
pieces.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
pieces.decoder = decoders.WordPiece()
write("wordpiece", pieces)

level = Tokenizer(models.WordLevel({**SPECIAL, **WORDS}, unk_token=UNKNOWN))
level.normalizer = normalizers.Lowercase()
level.pre_tokenizer = pre_tokenizers.Whitespace()
level.post_processor = processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2), add_prefix_space=False)
write("words-roberta", level)

scores = [("<unk>", 0.0), ("\u2581", -2.0), ("the", -1.0), ("late", -1.5), ("cat", -1.5), ("a", -3.0), ("t", -3.0)]
unigram = Tokenizer(models.Unigram(scores, unk_id=0))
unigram.pre_tokenizer = pre_tokenizers.Metaspace(add_prefix_space=False)
unigram.decoder = decoders.Metaspace(add_prefix_space=False)
write("unigram-no-prefix", unigram)

letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
merges = [("t", "h"), ("th", "e"), ("a", "t")]
vocabulary = {**letters, **{"".join(pair): len(letters) + number for number, pair in enumerate(merges)}}
byte_level = Tokenizer(models.BPE(vocabulary, merges))
byte_level.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
byte_level.decoder = decoders.ByteLevel()
byte_level.enable_truncation(12)
byte_level.enable_padding(length=12)
write("bytes-padded", byte_level)
