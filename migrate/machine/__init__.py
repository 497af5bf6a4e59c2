"""This machine: its disk in words, locks, private files, waiting with patience."""
