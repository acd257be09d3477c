"""What is wrong with a file or an option, in words for the person who sent it."""


class CleaningError(Exception):
    """The file cannot be cleaned, and trying again would not help.

    Args:
        title: what is wrong, one sentence.
        detail: what to do about it.
        type: a stable word for programs.
    """

    def __init__(self, title: str, detail: str, *, type: str) -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.type = type
