"""What the shim says no to."""


class Refusal(Exception):
    """An answer other than 200, with the words that the caller is told.

    Args:
        status: of HTTP.
        what: one sentence.
    """

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status
        self.what = what


def unknown(what: str, keys: set[str]) -> Refusal:
    """A request that asks for more than the shim knows."""
    return Refusal(400, f"the Qdrant Edge shim does not know {', '.join(sorted(keys))} of {what}")
