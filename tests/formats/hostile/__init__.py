"""One small and harmless file for each guard of ``migrate.formats``, with the verdict that it must get."""
