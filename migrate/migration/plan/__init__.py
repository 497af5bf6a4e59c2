"""A plan: what the models would become, written down; and whether it still fits."""
