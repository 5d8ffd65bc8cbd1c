"""``python -m benchmarks.extraction``: how fast frames become features, against the hardware and a plain loop.

On generated 640x360, 30 frames a second H.264 files with sound, one crop, stride 16. The encoder runs in what
``precision: auto`` means here; the ceiling is the better of the rates that a large matrix product reaches in fp32 and
in bf16. Other work on the machine can only slow things down, so every figure is the best of some tries, taken in turns
with the ceiling's. An image costs ViT-B/16 35.1 GFLOP, counting multiply and add. The plain loop is what one would
write first: OpenCV decodes, one frame at a time is embedded in fp32.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measurements import PRODUCT_SIZE, Measurement, fastest, product_rates, publish
from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser

if TYPE_CHECKING:
    from torch import Tensor

    from extract.encoders.clip import ClipImageEncoder

GFLOP_AN_IMAGE = 35.1
# Of the encoder alone, in each round: most calls, and the seconds after which no other is made.
TRIES = 5
PATIENCE = 6.0
ROUNDS = 2
WIDTH, HEIGHT, FPS, SOUND_RATE = 640, 360, 30, 16_000
STRIDE = 16
PLAIN_IMAGES = 24
LEAST_ENCODER_SHARE, LEAST_END_TO_END_SHARE = 65.0, 50.0
# The plain loop computes in fp32. Most of what is gained comes of bf16 units; without them both do the same arithmetic.
LEAST_SPEED_UP = {"bf16": 3.5, "fp32": 1.0}
MOST_MEMORY_GB = 2.5
LEAST_COSINE = 0.999


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("benchmarks.extraction", __doc__, writes="--out (JSON)")
    parser.add_argument("--videos", type=int, default=3, help="files to generate")
    parser.add_argument("--seconds", type=int, default=16, help="length of each")
    parser.add_argument("--batch", type=int, default=8, help="images a call of the encoder")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--workers", type=int, default=2, help="decoding processes")
    parser.add_argument("--out", type=Path, required=True, help="measurements to write (JSON)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    arguments = parser().parse_args(argv)
    for name in ("videos", "seconds", "batch", "threads", "workers"):
        if getattr(arguments, name) < 1:
            raise InputError(f"--{name} must be at least 1")
    import torch

    from extract.base.allocator import keep_freed_memory
    from extract.base.precision import AUTO, resolve
    from extract.encoders.clip import ClipImageEncoder, load_clip
    from extract.media.reading import read_timeline

    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    model, _ = load_clip("random:0")
    exact = ClipImageEncoder(model, batch=1, precision="fp32", device=torch.device("cpu"))
    precision = resolve(AUTO, "cpu")
    encoder = ClipImageEncoder(model, batch=arguments.batch, precision=precision, device=torch.device("cpu"))
    del model
    with tempfile.TemporaryDirectory() as name:
        videos = [_write_video(Path(name) / f"{number}.mp4", arguments.seconds) for number in range(arguments.videos)]
        # Starts the server that workers are forked from, once a run.
        read_timeline(videos[0])
        ceilings = [_ceiling()]
        plain, decoding, alone, whole = 0.0, 0.0, 0.0, 0.0
        for _ in range(ROUNDS):
            pictures, rate = _plain_loop(videos[0], exact)
            plain = max(plain, rate)
            decoding = max(decoding, _decoding_alone(videos[0]))
            ceilings.append(_ceiling())
            alone = max(alone, _encoder_alone(encoder))
            ceilings.append(_ceiling())
            whole = max(whole, _end_to_end(videos, encoder, precision, arguments))
            ceilings.append(_ceiling())
    best = max(ceilings) / GFLOP_AN_IMAGE
    cosine = torch.nn.functional.cosine_similarity(encoder.encode(pictures), exact.encode(pictures)).min().item()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    measurements = [
        Measurement("matmul", max(ceilings), "GFLOP/s", how=f"{PRODUCT_SIZE} squared, the better of fp32 and bf16"),
        Measurement("ceiling", best, "images/s", how=f"at {GFLOP_AN_IMAGE} GFLOP an image"),
        Measurement(
            "ceiling's spread", 100 * (1 - min(ceilings) / max(ceilings)), "%", how="other work on the machine"
        ),
        Measurement("plain loop", plain, "images/s", how="OpenCV, one frame at a time, fp32"),
        Measurement("decoding alone", decoding, "frames/s", how="one process, one thread"),
        Measurement("encoder alone", alone, "images/s", how=f"{precision}, batches of {arguments.batch}"),
        Measurement("encoder's share", 100 * alone / best, "%", at_least=LEAST_ENCODER_SHARE, how="of the ceiling"),
        Measurement("end to end", whole, "images/s", how="decode, resize, crop, embed"),
        Measurement("end to end share", 100 * whole / best, "%", at_least=LEAST_END_TO_END_SHARE, how="of the ceiling"),
        Measurement(
            "speed-up", whole / plain, "x", at_least=LEAST_SPEED_UP[precision], how="end to end over the plain loop"
        ),
        Measurement("cosine", cosine, "", at_least=LEAST_COSINE, how=f"{precision} with fp32, the worst image"),
        Measurement("peak memory", memory, "GB", at_most=MOST_MEMORY_GB, how="of this process"),
    ]
    publish("extraction", measurements, arguments.out, vars(arguments))


def _ceiling() -> float:
    """Give the better of the rates of a large matrix product in GFLOP/s."""
    return max(rates.clock for rates in product_rates().values())


def _encoder_alone(encoder: "ClipImageEncoder") -> float:
    import torch

    images = torch.randn(encoder.batch, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    return encoder.batch / fastest(lambda: encoder.encode(images), TRIES, PATIENCE).seconds


def _plain_loop(video: Path, encoder: "ClipImageEncoder") -> tuple["Tensor", float]:
    """Embed the first sampled frames one by one; give the encoder's inputs and images a second."""
    import cv2
    import torch

    from extract.encoders.preprocessing import crop_frames

    inputs: list[Tensor] = []
    started = time.perf_counter()
    capture = cv2.VideoCapture(str(video))
    frame = 0
    while len(inputs) < PLAIN_IMAGES:
        found, picture = capture.read()
        if not found:
            break
        if frame % STRIDE == 0:
            image = torch.from_numpy(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))[None]
            inputs.append(crop_frames(image, (0,))[:, 0])
            encoder.encode(inputs[-1])
        frame += 1
    rate = len(inputs) / (time.perf_counter() - started)
    capture.release()
    return torch.cat(inputs), rate


def _decoding_alone(video: Path) -> float:
    """Decode a file as extraction does, in one process with one thread; give frames a second."""
    from extract.media.decode import Timeline
    from extract.media.reading import End, read_videos

    frames = 0
    started = time.perf_counter()
    for _, event in read_videos([(0, video)], stride=STRIDE, threads=1, workers=1):
        if isinstance(event, Timeline):
            frames = len(event.starts)
        elif isinstance(event, End) and event.reason:
            raise InputError(f"{video}: {event.reason}")
    return frames / (time.perf_counter() - started)


def _end_to_end(
    videos: Sequence[Path], encoder: "ClipImageEncoder", precision: str, arguments: argparse.Namespace
) -> float:
    from extract.video_features import extract_videos
    from extract.visual_settings import VisualSettings

    settings = VisualSettings(STRIDE, (0,), precision, arguments.batch, "float16")
    threads = max(1, arguments.threads // arguments.workers)
    images = 0
    started = time.perf_counter()
    for path, found in extract_videos(
        [(path, path) for path in videos], encoder, settings, threads=threads, workers=arguments.workers
    ):
        if isinstance(found, Exception):
            raise InputError(f"{path}: {found}")
        images += len(found["visual"])
    return images / (time.perf_counter() - started)


def _write_video(path: Path, seconds: int) -> Path:
    """Write moving gradients and a tone, H.264 and AAC."""
    from fractions import Fraction

    import av
    import numpy as np

    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        across, down = np.arange(WIDTH)[None, :, None], np.arange(HEIGHT)[:, None, None]
        colours = np.array([1, 2, 3])
        for index in range(seconds * FPS):
            picture = ((across * colours + down * 2 + index * 3 * colours) % 256).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        tone = (0.2 * np.sin(np.arange(seconds * SOUND_RATE) / 8)).astype(np.float32)
        for start in range(0, len(tone), 1024):
            sound = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], format="fltp", layout="mono")
            sound.rate, sound.time_base, sound.pts = SOUND_RATE, Fraction(1, SOUND_RATE), start
            container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
    return path


if __name__ == "__main__":
    command.run(main)
