"""PMML: the fields that a document declares."""
