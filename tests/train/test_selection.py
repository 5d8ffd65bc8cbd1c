"""What the judges that choose an epoch count."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from extract.catalog import Segment, Video
from tests.shards import Made, make_shard
from train.samples import Split
from train.selection import judge_on_test_set


class Rising(nn.Module):
    """Says that every snippet is a little more anomalous than the one before."""

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor) -> SimpleNamespace:
        rising = torch.arange(visual.shape[1], dtype=torch.float32).expand(visual.shape[:2])
        return SimpleNamespace(anomaly_logits=rising, class_logits=torch.stack([-rising, rising], dim=-1))


def test_the_test_set_judge_counts_the_frames_that_the_published_evaluation_counts(tmp_path: Path) -> None:
    make_shard(tmp_path / "test-00000.h5", [Made("fight", ("B1",), 4)], split="test")
    fight = Video("fight", "test", "", ("B1",), (Segment("B1", 48, 64),))
    earlier = replace(fight, released_frames=((32, 48),))
    with Split(tmp_path, "test") as split:
        aps = [
            judge_on_test_set(split.entries, {"fight": video}, "A", "alignment", "ap", 0, 8)(
                Rising(), torch.zeros(2, 4)
            )
            for video in (fight, earlier)
        ]
    # The last of four snippets scores highest, the one before it second.
    assert aps == [pytest.approx(1), pytest.approx(1 / 2)]
