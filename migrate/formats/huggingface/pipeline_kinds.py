"""HuggingFace pipelines that can be asked with texts and answer with tensors: their inputs and outputs.

How ML Serving answered for pipelines was not documented; these are the keys of the pipelines' own answers.
"""

from collections.abc import Mapping
from typing import Any, Final

from migrate.core.model_json import Field

Fields = tuple[Field, ...]

_TEXT: Final = ("inputs",)
_QUESTION: Final = ("question", "context")


def _column(name: str, word: str, rank: int = 1) -> Field:
    return Field(name, word, (-1,) * rank)


_LABELS: Final = (_column("label", "string"), _column("score", "float"))
_ENTITIES: Final = (_column("entities", "string"),)
_SPAN: Final = (
    *(_column("answer", "string"), _column("score", "float")),
    *(_column("start", "long"), _column("end", "long")),
)
_MASKS: Final = (_column("token_str", "string", 2), _column("score", "float", 2), _column("sequence", "string", 2))
_GENERATED: Final = (_column("generated_text", "string"),)

PIPELINES: Final[dict[str, tuple[tuple[str, ...], Fields]]] = {
    "FeatureExtractionPipeline": (_TEXT, ()),
    "TextClassificationPipeline": (_TEXT, _LABELS),
    "TokenClassificationPipeline": (_TEXT, _ENTITIES),
    "NerPipeline": (_TEXT, _ENTITIES),
    "QuestionAnsweringPipeline": (_QUESTION, _SPAN),
    "FillMaskPipeline": (_TEXT, _MASKS),
    "TextGenerationPipeline": (_TEXT, _GENERATED),
    "Text2TextGenerationPipeline": (_TEXT, _GENERATED),
    "SummarizationPipeline": (_TEXT, (_column("summary_text", "string"),)),
    "TranslationPipeline": (_TEXT, (_column("translation_text", "string"),)),
}
# The end of an architecture's name -> the pipeline that is made of it where no manifest says one.
BY_ARCHITECTURE: Final = {
    "ForSequenceClassification": "TextClassificationPipeline",
    "ForTokenClassification": "TokenClassificationPipeline",
    "ForQuestionAnswering": "QuestionAnsweringPipeline",
    "ForMaskedLM": "FillMaskPipeline",
    "ForCausalLM": "TextGenerationPipeline",
    "LMHeadModel": "TextGenerationPipeline",
    "ForConditionalGeneration": "Text2TextGenerationPipeline",
    "Model": "FeatureExtractionPipeline",
}


def fields_of(kind: str, config: Mapping[str, Any]) -> tuple[Fields, Fields]:
    """The fields of a pipeline.

    Args:
        kind: Its class, one of ``PIPELINES``.
        config: The model's configuration.
    """
    names, outputs = PIPELINES[kind]
    inputs = tuple(_column(name, "string") for name in names)
    if kind != "FeatureExtractionPipeline":
        return inputs, outputs
    width = config.get("hidden_size", config.get("dim", config.get("d_model", config.get("n_embd"))))
    size = width if isinstance(width, int) and 0 < width < 1 << 31 else -1
    return inputs, (Field("features", "float", (-1, -1, size)),)
