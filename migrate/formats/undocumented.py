"""What of the old service nobody wrote down, told by what is known of a model before its files are here."""

from typing import Final

MAPPINGS: Final = "docs/other-formats.md"  # of this project

_BY_WORD: Final = {
    "pmml": "PMML",
    "torch": "pickled modules of PyTorch (TorchScript it did)",
    "huggingface": "pipelines of HuggingFace (tokenizers it did)",
    "pipeline": "pipelines of HuggingFace",
    "fastai": "exports of fastai",
}


def undocumented(*words: str | None) -> str | None:
    """The sentence for the plan of a model, or None where ML Serving documented how it was called.

    Args:
        words: What ML Serving called its framework, and what its files are recognised as (see ``recognise``).
    """
    for word in words:
        if word in _BY_WORD:
            return (
                f"ML Serving did not document how it served {_BY_WORD[word]}: {MAPPINGS} has the mapping that is used, "
                "and --samples with old answers shows whether your clients see a difference"
            )
    return None
