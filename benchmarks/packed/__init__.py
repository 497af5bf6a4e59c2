"""Many models in one process: what they cost to load, to keep and to call."""
