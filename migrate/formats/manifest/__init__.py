"""Manifests: JSON files that name a model and describe its tensors."""
