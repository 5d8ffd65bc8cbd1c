"""Writes the files of generated videos; in a module with a name, so that other processes find it."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from extract.demo.lists import video_path

if TYPE_CHECKING:
    from extract.demo.plan import VideoPlan

TIME_BASE = Fraction(1, 90000)
SOUNDING_SHARE = 0.55  # of the video whose audio ends early


def write_video(folder: Path, plan: "VideoPlan") -> Path:
    """Draw, play and encode one video as H.264 and, where it has sound, AAC.

    Args:
        folder: The data set's folder; where in it the file goes is ``demo_lists.video_path``.
        plan: What happens in the video.

    Returns:
        The written file.
    """
    import av
    import numpy as np
    from av.video.reformatter import VideoReformatter

    from extract.base.files import atomic_path
    from extract.demo.plan import Sound, frame_times
    from extract.demo.scenes import draw
    from extract.demo.sounds import RATE, play

    path = video_path(folder, plan)
    times = frame_times(plan)
    pictures = draw(plan, np.array(times[:-1], dtype=np.float32))
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=plan.rate, options={"preset": "ultrafast", "crf": "23"})
        video.width, video.height, video.pix_fmt = plan.width, plan.height, "yuv420p"
        video.codec_context.time_base = TIME_BASE
        video.codec_context.thread_count = 1  # the bytes do not depend on the machine's cores
        audio = None if plan.sound is Sound.NO_STREAM else container.add_stream("aac", rate=RATE, layout="mono")
        scaler = VideoReformatter()  # one for all frames: setting it up takes longer than scaling
        for picture, time in zip(pictures, times[:-1], strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = scaler.reformat(frame, plan.width, plan.height, "yuv420p", threads=1)
            frame.pts, frame.time_base = int(time / TIME_BASE), TIME_BASE
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            sound = play(plan, np.array(times, dtype=np.float64))
            if plan.sound is Sound.ENDS_EARLY:
                sound = sound[: int(len(sound) * SOUNDING_SHARE)]
            samples = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            samples.sample_rate, samples.pts, samples.time_base = RATE, 0, Fraction(1, RATE)
            container.mux(audio.encode(samples))
            container.mux(audio.encode(None))
    return path
