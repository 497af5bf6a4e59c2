"""Undo: what this tool made is deleted, by its recorded ids."""
