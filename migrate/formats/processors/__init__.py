"""Processors and flows: manifests without a model file."""
