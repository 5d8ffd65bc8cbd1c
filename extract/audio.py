"""``python -m extract.audio``: embed the sound of one shard's videos, one row a snippet, with frozen Wav2CLIP."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.precision import AUTO, PRECISIONS, resolve
from extract.failures import Failure, describe, write_failures
from extract.sound_statistics import PAST, STATISTICS, WHOLE, standardised

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from extract.encoders.wav2clip import Wav2ClipEncoder
    from extract.media.audio_track import AudioTrack
    from extract.workfile import Arrays, Columns

STAGE = "audio"
# The encoder takes a snippet whole: ten minutes of sound are 0.2 GB on the way. Of a longer one it hears so much.
LONGEST_SNIPPET_SECONDS = 600
# Within one snippet, a hole of more typical snippets than this is time over which nobody recorded.
LONGEST_HOLE_SNIPPETS = 2


@dataclass(frozen=True)
class AudioSettings:
    """What the audio features depend on beside the videos, the snippets' times and the weights.

    Attributes:
        precision: ``fp32`` or ``bf16``.
        batch: Snippets a call of the encoder.
        dtype: ``float16`` or ``float32``, the type of the stored features.
        statistics: What the sound is standardised by: that of the ``whole`` video, or the ``past``.
    """

    precision: str
    batch: int
    dtype: str
    statistics: str = WHOLE

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise InputError(f"batch {self.batch} must be at least 1")


def embed_track(
    track: AudioTrack | None, bounds: NDArray[np.float64], encoder: Wav2ClipEncoder, statistics: str = WHOLE
) -> tuple[NDArray[np.float32], int]:
    """Embed the sound of one video.

    A picture can stand for hours over which nobody recorded. A snippet hears what was decoded of its time, the sound
    before such a hole and behind it one after the other, and of that the first ten minutes.

    Args:
        track: Its sound from the first snippet's start on, or ``None`` if it has none.
        bounds: Start and end of every snippet in seconds; [T, 2].
        encoder: The frozen encoder.
        statistics: What each snippet is standardised by, one of ``STATISTICS``.

    Returns:
        Features [T, 512] float32, zero where nothing sounds, and the number of snippets that sound.
    """
    import numpy as np

    from extract.encoders.running_statistics import RunningStatistics
    from extract.media.audio_track import sample_spans
    from extract.media.resampling import SAMPLE_RATE
    from extract.media.sound_store import WithoutHoles, closed
    from extract.shard import DIMENSIONS

    features = np.zeros((len(bounds), DIMENSIONS), np.float32)
    if track is None:
        return features, 0
    spans = sample_spans(bounds)
    heard = track.sounding(spans)  # [T]
    holes = _holes(track, spans)
    samples = WithoutHoles(track.samples, holes) if len(holes) > 0 else track.samples
    kept = closed(spans[heard], holes)
    kept[:, 1] = np.minimum(kept[:, 1], kept[:, 0] + LONGEST_SNIPPET_SECONDS * SAMPLE_RATE)
    if statistics == PAST:
        features[heard] = encoder.encode_running(samples, kept, RunningStatistics())
    else:
        features[heard] = encoder.encode(samples, kept)
    return features, int(heard.sum())


def _holes(track: AudioTrack, spans: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the time over which nobody recorded: first sample and the one after the last of every hole, [H, 2]."""
    import numpy as np

    lengths = spans[:, 1] - spans[:, 0]
    most = LONGEST_HOLE_SNIPPETS * float(np.median(lengths))
    holes: list[tuple[int, int]] = []
    for start, end in spans[lengths > most].tolist():
        sounding = track.decoded[(track.decoded[:, 1] > start) & (track.decoded[:, 0] < end)]
        firsts = [start, *sounding[:, 1].tolist()]
        lasts = [*sounding[:, 0].tolist(), end]
        holes += [(first, last) for first, last in zip(firsts, lasts, strict=True) if last - first > most]
    return np.array(holes, dtype=np.int64).reshape(-1, 2)


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = command_parser(
        "extract.audio",
        __doc__,
        writes="--out (a work file, HDF5), --failures (CSV) and, of every finished video, a file into --partial",
    )
    parser.add_argument("--catalog", type=Path, required=True, help="catalog of the videos, JSON Lines")
    parser.add_argument("--visual", type=Path, required=True, help="work file of the visual step: snippets and times")
    parser.add_argument("--weights", required=True, help="weights file of Wav2CLIP, or random:<seed>")
    parser.add_argument(
        "--precision",
        choices=(AUTO, *PRECISIONS),
        default="fp32",
        help="auto: bf16 where the hardware computes it; on processors always fp32",
    )
    parser.add_argument("--batch", type=int, default=32, help="snippets a call of the encoder")
    parser.add_argument(
        "--dtype", choices=("float16", "float32"), default="float16", help="type of the stored features"
    )
    parser.add_argument(
        "--statistics",
        choices=STATISTICS,
        default=WHOLE,
        help="what sound is standardised by: the whole video, or only what has sounded so far, as live",
    )
    parser.add_argument("--threads", type=int, default=1, help="processor threads")
    parser.add_argument("--workers", type=int, default=2, help="processes that decode")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--partial", type=Path, required=True, help="folder for finished videos until all are done")
    parser.add_argument("--out", type=Path, required=True, help="work file to write, HDF5")
    parser.add_argument("--failures", type=Path, required=True, help="list of unreadable videos to write, CSV")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    arguments = parser().parse_args(argv)
    precision = resolve(arguments.precision, arguments.device, on_cpu="fp32")
    settings = AudioSettings(precision, arguments.batch, arguments.dtype, arguments.statistics)
    if min(arguments.threads, arguments.workers) < 1:
        raise InputError(f"threads {arguments.threads} and workers {arguments.workers} must be at least 1")

    import numpy as np
    import torch

    from extract import workfile
    from extract.base.device import take_device
    from extract.base.progress import track as progress
    from extract.catalog import read_catalog
    from extract.encoders.wav2clip import ENCODER, PREPROCESSING, Wav2ClipEncoder, load_wav2clip
    from extract.media.audio_track import UnreadableAudio
    from extract.media.reading import End, read_sounds

    torch.set_num_threads(arguments.threads)
    device = take_device(arguments.device, arguments.threads)
    paths = {video.video_id: Path(video.path) for video in read_catalog(arguments.catalog)}
    model, identity = load_wav2clip(arguments.weights)
    encoder = Wav2ClipEncoder(model, batch=settings.batch, precision=settings.precision, device=device)
    attributes = {
        "encoder": ENCODER,
        "weights": identity,
        "precision": settings.precision,
        "preprocessing": standardised(PREPROCESSING, settings.statistics),
    }
    dependencies = {**attributes, **asdict(settings), "device": device.type}

    reasons: dict[str, str] = {}
    label = f"{STAGE} {arguments.visual.stem}"
    with workfile.WorkFile(arguments.visual, "visual") as visual:
        videos = list(visual.videos)
        bounds = {video_id: visual.rows("bounds", video_id) for video_id in videos}
    absent = [video_id for video_id in videos if video_id not in paths]
    if absent:
        raise InputError(f"{arguments.catalog}: lacks video_id {absent[0]!r} of {arguments.visual}; run visual again")
    partials = {
        video_id: workfile.partial_path(
            arguments.partial,
            video_id,
            paths[video_id],
            {**dependencies, "bounds": hashlib.sha256(bounds[video_id].tobytes()).hexdigest()},
        )
        for video_id in videos
    }
    missing = [
        (video_id, paths[video_id], float(bounds[video_id][0, 0]), float(bounds[video_id][-1, 1]))
        for video_id in videos
        if not partials[video_id].exists()
    ]
    sounds = read_sounds(missing, workers=arguments.workers)
    for video_id, sound in progress(sounds, label=label, total=len(missing), unit="videos"):
        try:
            if isinstance(sound, End):
                raise UnreadableAudio(sound.reason)
            if sound is not None and sound.broken:
                print(f"{label}: {video_id} has {sound.broken} broken packets, left silent", file=sys.stderr)
            if sound is not None and sound.chosen:
                print(f"{label}: {video_id} heard through {sound.chosen}", file=sys.stderr)
            features, sounding = embed_track(sound, bounds[video_id], encoder, settings.statistics)
            stored = workfile.stored(features, settings.dtype)
        except (UnreadableAudio, workfile.UnstorableError) as error:
            reasons[video_id] = str(error)
            print(f"{label}: {video_id} {error}", file=sys.stderr)
        else:
            workfile.save_partial(partials[video_id], {"audio": stored, "sounding": np.array(sounding)})

    finished = [(video_id, partials[video_id]) for video_id in videos if video_id not in reasons]
    failures = [Failure(video_id, STAGE, reasons[video_id]) for video_id in videos if video_id in reasons]
    workfile.write_workfile(arguments.out, STAGE, attributes, _empty(settings), _gathered(finished))
    write_failures(arguments.failures, failures)
    workfile.remove_other_partials(arguments.partial, [partial for _, partial in finished])
    if failures:
        print(f"{label}: {len(failures)} of {len(videos)} videos failed: {describe(failures)}", file=sys.stderr)


def _empty(settings: AudioSettings) -> Arrays:
    import numpy as np

    from extract.shard import DIMENSIONS

    return {"audio": np.empty((0, DIMENSIONS), settings.dtype)}


def _gathered(finished: Sequence[tuple[str, Path]]) -> Iterator[tuple[Columns, Arrays]]:
    from extract.workfile import load_partial

    for video_id, partial in finished:
        arrays = load_partial(partial)
        yield {"video_id": video_id, "sounding": int(arrays.pop("sounding"))}, arrays


if __name__ == "__main__":
    command.run(main)
