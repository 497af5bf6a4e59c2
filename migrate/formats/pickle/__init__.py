"""Pickles, followed to their end and never carried out."""
