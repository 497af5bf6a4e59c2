"""How the journal names what it speaks of."""


def model_subject(model_id: str) -> str:
    """The journal's name of a model."""
    return f"model:{model_id}"


def unit_id(subject: str) -> str:
    """The id of the unit that a journal names so."""
    return subject.partition(":")[2]
