"""What a person sees: board, tables and errors; the same events as JSON lines."""
