"""What a person may type: the options of each command, each declared once."""
