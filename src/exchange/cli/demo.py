"""Placeholder until the story is in."""


def demo() -> None:
    """The demo."""
