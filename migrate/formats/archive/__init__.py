"""ZIP archives, read by an allow-list."""
