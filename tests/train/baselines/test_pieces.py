from itertools import pairwise

import numpy as np
import pytest
import torch

from extract.base.errors import InputError
from train.baselines.pieces import padded, paired_halves, resample
from train.windows import average_pieces


@pytest.mark.parametrize("length", [1, 3, 31, 32, 33, 100, 256])
def test_pieces_are_the_released_ones(length: int) -> None:
    rows = torch.randn(1, 256, 5)
    bounds = np.linspace(0, length, 33, dtype=int)
    video = rows[0].numpy()
    expected = [
        video[first:following].mean(axis=0) if first != following else video[first]
        for first, following in pairwise(bounds)
    ]
    pieces = resample(rows, torch.tensor([length]), 32)
    np.testing.assert_allclose(pieces[0].numpy(), np.stack(expected), rtol=1e-5, atol=1e-6)


def test_pieces_cut_for_the_batch_are_kept_as_they_are() -> None:
    averaged = average_pieces(np.random.default_rng(0).standard_normal((90, 4), dtype=np.float32), 32)
    pieces = resample(torch.from_numpy(averaged)[None], torch.tensor([32]), 32)
    assert torch.equal(pieces[0], torch.from_numpy(averaged))


def test_rows_taken_out_of_their_padding_go_back_to_their_places_with_their_gradients() -> None:
    x = torch.randn(3, 5, 2, dtype=torch.float64, requires_grad=True)
    valid = torch.arange(5) < torch.tensor([[5], [0], [2]])
    back = padded(2 * x[valid], valid)
    expected = torch.zeros(3, 5, 2, dtype=torch.float64)
    for video, length in enumerate([5, 0, 2]):
        expected[video, :length] = 2 * x[video, :length].detach()
    assert torch.equal(back, expected)
    back.sum().backward()
    assert torch.equal(x.grad, 2.0 * valid[:, :, None].expand_as(x))


def test_normal_and_abnormal_videos_are_found_wherever_they_stand() -> None:
    labels = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    normal, abnormal = paired_halves(labels)
    assert (normal.tolist(), abnormal.tolist()) == ([1, 2], [0, 3])


@pytest.mark.parametrize("normal_flags", [[1.0, 1.0, 0.0], [1.0], []])
def test_a_batch_that_is_not_paired_is_refused(normal_flags: list[float]) -> None:
    labels = torch.tensor([[flag, 1 - flag] for flag in normal_flags]).reshape(-1, 2)
    with pytest.raises(InputError, match="set sampling to paired"):
        paired_halves(labels)
