"""What a model is: one file per format (recognise, describe, hazards); never loads a model."""

from migrate.formats.inspect import inspect
from migrate.formats.recognise import recognise

__all__ = ["inspect", "recognise"]
