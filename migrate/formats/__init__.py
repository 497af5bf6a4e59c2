"""What a model is: one file per format (recognise, describe, hazards); never loads a model."""

from migrate.formats.inspection import inspect
from migrate.formats.recognition import recognise

__all__ = ["inspect", "recognise"]
