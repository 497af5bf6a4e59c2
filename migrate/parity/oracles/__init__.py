"""The engines called directly: a program of its own (``start.py``), which runs beside a model's files."""
