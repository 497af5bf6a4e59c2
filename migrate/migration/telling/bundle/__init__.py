"""The redacted archive of a case: what may be in it, the pseudonyms, the words that stay, and its files."""
