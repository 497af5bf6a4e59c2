"""HuggingFace: tokenizers, pipelines, safetensors."""
