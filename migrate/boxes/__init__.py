"""Programs in name spaces that the kernel gives an ordinary user. Knows nothing of the tool, nor of its sandbox."""
