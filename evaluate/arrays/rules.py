"""The rules by which repositories count the rows that a video has in an array."""

FRAMES, SNIPPETS = "frames", "snippets"
AUTO = "auto"
UP, DOWN, SHORT = "up", "down", "short"
# Rows of a video of N frames and stride s. Up: ceil(N / s) snippets; down: floor(N / s); short: floor((N - 1) / s), as
# XD-Violence's gt.npy counts. A rate of frames has s rows a snippet; `frames` alone has one for each of the N.
RULES = (FRAMES, *(f"{rate}-{rounding}" for rate in (FRAMES, SNIPPETS) for rounding in (UP, DOWN, SHORT)))


def rate_of(rule: str) -> str:
    """Say whether a rule's rows are ``frames`` or ``snippets``."""
    return rule.partition("-")[0]
