"""Which of a file's streams are its pictures and its sound."""

from collections.abc import Mapping

import av
from av.stream import Disposition

# Covers and previews are streams of pictures beside the video.
NO_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails
SPECIAL_SOUND = (
    Disposition.comment
    | Disposition.hearing_impaired
    | Disposition.visual_impaired
    | Disposition.descriptions
    | Disposition.karaoke
    | Disposition.clean_effects
    | Disposition.non_diegetic
    | Disposition.dependent
)


def video_of(container: av.container.InputContainer) -> av.VideoStream | None:
    """Choose the pictures of a file: libav's choice, but never a cover or a preview.

    Returns:
        The stream, or ``None`` if there is none.
    """
    best = container.streams.best("video")
    found = [stream for stream in container.streams.video if not stream.disposition & NO_VIDEO]
    if best is None or not found or best in found:
        return best if best in found else None
    marked = [stream for stream in found if stream.disposition & Disposition.default]
    return (marked or found)[0]


def sound_of(container: av.container.InputContainer, packets: Mapping[int, int] | None) -> av.AudioStream | None:
    """Choose the sound of a file.

    In this order: one that holds something, that a decoder here knows, of the pictures' own program, no commentary or
    description, marked as default, the first.

    Args:
        container: The file.
        packets: How many packets each stream has, by its index; ``None`` if they have not been counted.

    Returns:
        The stream, or ``None`` if the file has none.
    """
    streams = list(container.streams.audio)
    if len(streams) < 2:
        return streams[0] if streams else None
    # PyAV does not say which streams a program has, but libav looks for the best within that of the pictures.
    video = video_of(container)
    programs = container.format.name == "mpegts"
    related = container.streams.best("audio", related=video) if programs and video is not None else None

    def rank(stream: av.AudioStream) -> tuple[bool, ...]:
        return (
            packets is not None and not packets.get(stream.index),
            stream.codec_context is None,
            related is not None and stream.index != related.index,
            bool(stream.disposition & SPECIAL_SOUND),
            not stream.disposition & Disposition.default,
        )

    return min(streams, key=rank)


def described(stream: av.AudioStream, container: av.container.InputContainer) -> str:
    """Say which of several sound streams was chosen, in a few words; nothing if there is only one."""
    streams = list(container.streams.audio)
    if len(streams) < 2:
        return ""
    number = 1 + [other.index for other in streams].index(stream.index)
    language = f", {stream.language}" if stream.language else ""
    codec = stream.codec_context.name if stream.codec_context is not None else "unknown codec"
    return f"sound stream {number} of {len(streams)} ({codec}{language})"
