"""Moves models from OVHcloud ML Serving to AI Deploy and proves that they answer the same."""

__version__ = "0.1.0"
