"""Tensors into bodies of answers: one module for each kind of body."""
