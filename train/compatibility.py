"""Whether a checkpoint may read a shard: features of another kind give numbers, but wrong ones."""

from extract.shard import RELEASED_VISUAL, Encoding, ShardHeader, Widths
from train.checkpoint import TrainedOn

MUST_AGREE = ("encoder", "weights", "preprocessing", "width")


def mismatches(trained_on: TrainedOn, shards: ShardHeader, *, reads_audio: bool) -> list[str]:
    """List what forbids scoring ``shards`` with a checkpoint that was trained on something else.

    Args:
        trained_on: What the checkpoint was trained on.
        shards: What is to be read.
        reads_audio: Whether the network reads the audio rows; if not, they may differ.

    Returns:
        One sentence for each difference in stride, encoder, weights, preprocessing or width, with both values.
    """
    found = []
    if trained_on.stride != shards.stride:
        found.append(_sentence("stride", trained_on.stride, shards.stride))
    for stream, trained, given in _streams(trained_on, shards, reads_audio=reads_audio):
        if trained is None or given is None:
            if trained != given:
                found.append(_sentence(stream, trained and trained.encoder, given and given.encoder))
            continue
        for name in MUST_AGREE:
            if getattr(trained, name) != getattr(given, name):
                found.append(_sentence(f"{stream}_{name}", getattr(trained, name), getattr(given, name)))
    return found


def unreadable(trained_on: TrainedOn, shards: ShardHeader, *, reads_audio: bool) -> list[str]:
    """List what no one can allow: rows of another width, which the network cannot take. Arguments as `mismatches`."""
    return [
        _sentence(f"{stream}_width", trained, given)
        for stream, trained, given in zip(Widths._fields, trained_on.widths, shards.widths, strict=True)
        if trained != given and (stream == "visual" or reads_audio)
    ]


def remedy(trained_on: TrainedOn, shards: ShardHeader) -> str:
    """Say what to do about a mismatch.

    Args:
        trained_on: What the checkpoint was trained on.
        shards: What is to be read.

    Returns:
        One or two sentences without the last full stop.
    """
    released = [encoding.weights == RELEASED_VISUAL.weights for encoding in (trained_on.visual, shards.visual)]
    if any(released) and not all(released):
        unknown = "How released features were extracted is not known; python -m extract.audit compares yours with them"
        return f"{unknown}. Make both alike"
    return "Make both alike"


def precision_differences(trained_on: TrainedOn, shards: ShardHeader, *, reads_audio: bool) -> list[str]:
    """List differences in precision, which change features a little and are worth a warning only."""
    return [
        _sentence(f"{stream}_precision", trained.precision, given.precision)
        for stream, trained, given in _streams(trained_on, shards, reads_audio=reads_audio)
        if trained and given and trained.precision != given.precision
    ]


def _streams(
    trained_on: TrainedOn, shards: ShardHeader, *, reads_audio: bool
) -> list[tuple[str, Encoding | None, Encoding | None]]:
    visual = [("visual", trained_on.visual, shards.visual)]
    return [*visual, ("audio", trained_on.audio, shards.audio)] if reads_audio else [*visual]


def _sentence(name: str, trained: object, given: object) -> str:
    return f"{name}: checkpoint trained on {trained!r}, shards have {given!r}"
