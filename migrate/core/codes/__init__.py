"""Every reason and error code with its meaning, whose it is, and what to do: a table a subject."""
