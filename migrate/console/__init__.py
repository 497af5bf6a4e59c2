"""What a person sees, and the same events as JSON lines. Reads events and values of ``core`` and nothing else."""
