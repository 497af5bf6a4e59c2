"""The journal of a source: values, the ledger of effects, the database and its lock."""
