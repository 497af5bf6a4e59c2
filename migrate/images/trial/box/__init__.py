"""Images run without an engine and without root, in name spaces that the kernel gives an ordinary user."""
