"""How long a prompt is in CLIP's tokens, and how long it may be."""

from collections.abc import Sequence

from extract.base.errors import InputError

# Of CLIP's 77 positions a start and an end token take two, the learned context 10 before and 10 behind the words.
MOST_TOKENS = 55


def check_lengths(codes: Sequence[str], prompts: Sequence[str]) -> None:
    """Refuse prompts that the learned context leaves no room for, and those that CLIP cannot tell apart.

    Args:
        codes: Label code of each class.
        prompts: Its prompt.

    Raises:
        InputError: Naming the class.
    """
    if all(prompt.isascii() and len(prompt) <= MOST_TOKENS for prompt in prompts):
        return  # a token is at least one letter long, and open_clip takes seconds to import
    # Scripts that CLIP was not made for take several tokens a letter.
    from open_clip import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    taken: dict[tuple[int, ...], str] = {}
    for code, prompt in zip(codes, prompts, strict=True):
        tokens = tuple(tokenizer.encode(prompt))
        if not tokens:
            raise InputError(f"class {code!r}: CLIP finds no word in prompt {prompt!r}; write it otherwise")
        if len(tokens) > MOST_TOKENS:
            raise InputError(
                f"class {code!r}: prompt {prompt!r} has {len(tokens)} of CLIP's tokens, and {MOST_TOKENS} "
                "have room; shorten it"
            )
        other = taken.setdefault(tokens, code)
        if other != code:
            raise InputError(
                f"class {code!r}: prompt {prompt!r} is to CLIP the same as that of class {other!r}; change one"
            )
