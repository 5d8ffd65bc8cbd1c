import time
from pathlib import Path

import numpy as np
import pytest

from extract.failures import read_failures
from extract.media.decode import decoded_timeline
from extract.shard import Shard
from extract.workfile import WorkFile
from tests.extract.steps import catalog_of, run_align, run_audio, run_visual
from tests.machine import QUICK

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "videos"
VIDEOS = sorted(path for path in FOLDER.glob("*") if path.suffix in (".mp4", ".mkv"))
STRIDE = 16

pytestmark = pytest.mark.skipif(not VIDEOS, reason=f"no videos in {FOLDER}")


@pytest.mark.usefixtures("ready_clip")
def test_real_videos_give_aligned_finite_features(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = catalog_of(tmp_path / "all", VIDEOS)
    started = time.perf_counter()
    visual = run_visual(catalog, "--stride", str(STRIDE), "--crops", "5", "--threads", "2", "--batch", "8")
    between = time.perf_counter()
    run_audio(catalog, "--threads", "2")
    ended = time.perf_counter()

    assert read_failures(catalog.parent / "visual.csv") == read_failures(catalog.parent / "audio.csv") == []
    snippets = 0
    with WorkFile(visual, "visual") as work, Shard(run_align(catalog.parent)) as shard:
        assert [video.video_id for video in shard.videos] == [path.stem for path in VIDEOS]
        for path, video in zip(VIDEOS, shard.videos, strict=True):
            truth = decoded_timeline(path).starts
            assert video.frames == len(truth)
            assert video.snippets == video.audio_rows == -(-len(truth) // STRIDE)
            bounds = work.rows("bounds", video.video_id)
            assert np.array_equal(bounds[:, 0], truth[::STRIDE])
            assert np.array_equal(bounds[1:, 0], bounds[:-1, 1])
            # All have sound to the end or nearly so.
            assert video.snippets - 1 <= video.audio_sounding <= video.snippets
            for rows in (shard.visual(video, 0), shard.audio(video)[: video.audio_sounding]):
                assert np.isfinite(rows).all()
                assert (rows.std(axis=1) > 0).all()
            snippets += video.snippets
    with capsys.disabled():
        print(
            f"\n{snippets} snippets of {len(VIDEOS)} real videos: visual {snippets / (between - started):.1f} a second "
            f"(one crop, {QUICK}), audio {snippets / (ended - between):.1f} a second (fp32)"
        )
