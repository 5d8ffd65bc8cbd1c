from pathlib import Path

import numpy as np
import pytest
import torch

from extract.base.errors import InputError
from extract.datasets import DATA_SETS
from extract.shard import Encoding
from tests.shards import Made, make_shard
from train.samples import Split, TrainingSamples, batches, paired_order, shuffled_labels, shuffled_order
from train.windows import average_pieces

CODES = DATA_SETS["xd"].codes
VIDEOS = [
    Made("a_label_B1-G-0", ("B1", "G"), 5),
    Made("b_label_A", ("A",), 12, audio_rows=7),
    Made("c_label_A", ("A",), 3),
    Made("d_label_B2-0-0", ("B2",), 9),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_shard(tmp_path / "train-00000.h5", VIDEOS[:2], crops=(0, 5), note="one")
    make_shard(tmp_path / "train-00001.h5", VIDEOS[2:], crops=(0, 5), seed=1, note="two")
    return tmp_path


def test_a_batch_holds_what_the_shards_hold(folder: Path) -> None:
    with Split(folder, "train") as split:
        samples = TrainingSamples(split.entries, CODES, 8)
        batch = samples.batch(np.array([3, 0]))  # video 1 crop 5, video 0 crop 0
        long, short = split.entries[1], split.entries[0]
        np.testing.assert_array_equal(batch.visual[0], average_pieces(long.shard.visual(long.video, 1), 8))
        np.testing.assert_array_equal(batch.audio[0], average_pieces(long.shard.audio(long.video), 8))
        np.testing.assert_array_equal(batch.visual[1, :5], short.shard.visual(short.video, 0))
        assert batch.length.tolist() == [8, 5]
        assert batch.labels.tolist() == [[1, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 1]]


def test_an_epoch_covers_every_video_and_crop_once(folder: Path) -> None:
    with Split(folder, "train") as split:
        samples = TrainingSamples(split.entries, CODES, 8)
        order = shuffled_order(samples, 3, torch.Generator().manual_seed(1))
        assert [len(chosen) for chosen in order] == [3, 3, 2]
        pairs = {tuple(samples.pairs[i]) for chosen in order for i in chosen}
        assert pairs == {(video, crop) for video in range(4) for crop in range(2)}
        read = list(batches(samples, order))
        for batch, chosen in zip(read, order, strict=True):
            assert torch.equal(batch.visual, samples.batch(chosen).visual)


def test_the_same_generator_gives_the_same_order(folder: Path) -> None:
    with Split(folder, "train") as split:
        samples = TrainingSamples(split.entries, CODES, 8)
        first, second, other = (
            np.concatenate(shuffled_order(samples, 3, torch.Generator().manual_seed(seed))) for seed in (1, 1, 2)
        )
        assert (first == second).all()
        assert not (first == other).all()


def test_paired_batches_hold_normal_beside_abnormal_and_drop_the_rest(folder: Path) -> None:
    with Split(folder, "train") as split:
        samples = TrainingSamples(split.entries, CODES, 8)
        order = paired_order(samples, 3, torch.Generator().manual_seed(1))
        assert len(order) == 1
        labels = samples.batch(order[0]).labels
        assert labels[:, 0].tolist() == [1, 1, 1, 0, 0, 0]
        with pytest.raises(InputError, match="batch: 5"):
            paired_order(samples, 5, torch.Generator())


def test_shuffled_labels_are_the_same_labels_dealt_anew(folder: Path) -> None:
    with Split(folder, "train") as split:
        dealt = shuffled_labels(split.entries, torch.Generator().manual_seed(3))
        assert sorted(dealt) == sorted(video.labels for video in VIDEOS)
        assert dealt != [video.labels for video in VIDEOS]
        samples = TrainingSamples(split.entries, CODES, 8, dealt)
        assert samples.targets[0].tolist() == [float(code in dealt[0]) for code in CODES]


def test_notes_of_all_shards_are_kept(folder: Path) -> None:
    with Split(folder, "train") as split:
        assert split.header.note == "one; two"


def test_a_label_of_another_set_is_named_with_its_file_and_video(tmp_path: Path) -> None:
    path = make_shard(tmp_path / "train-00000.h5", [Made("x", ("B3",), 2)])
    with (
        Split(tmp_path, "train") as split,
        pytest.raises(InputError, match=f"{path.name}, video 'x', field labels.*'B3'"),
    ):
        TrainingSamples(split.entries, CODES, 8)


def test_shards_that_differ_are_refused_and_both_named(folder: Path) -> None:
    other = Encoding("ViT-B-16-quickgelu", "random:9", "fp32", "resize")
    make_shard(folder / "train-00002.h5", [Made("e", ("A",), 2)], crops=(0, 5), visual=other)
    with pytest.raises(InputError, match="train-00002.*random:9.*train-00000.*random:0"):
        Split(folder, "train")


def test_a_video_in_two_shards_is_refused(folder: Path) -> None:
    make_shard(folder / "train-00002.h5", VIDEOS[:1], crops=(0, 5))
    with pytest.raises(InputError, match="train-00002.*'a_label_B1-G-0'.*train-00000"):
        Split(folder, "train")
