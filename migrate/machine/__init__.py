"""This machine: its disk in words, locks, private files, processes, ports, waiting with patience."""
