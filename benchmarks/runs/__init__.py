"""How long a run over many models takes."""
