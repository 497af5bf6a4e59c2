"""What a model is; reads structure only and never loads a model."""
