"""What is told of a source: its places, its status, the story of one model."""
