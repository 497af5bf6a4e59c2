"""What a person types: one file per command, parsing and calling only."""
