"""What a model becomes: rendered, built, rehearsed and pushed."""
