import math

import pytest
import torch
from torch import Tensor

from extract.base.errors import InputError
from train.model.temporal_adapter import (
    BlockLocalLayer,
    GraphLayer,
    TemporalAdapter,
    distance_adjacency,
    similarity_adjacency,
)


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


def test_block_local_attention_equals_full_attention_under_a_block_diagonal_mask() -> None:
    torch.manual_seed(0)
    layer = BlockLocalLayer(dim=16, window=4)
    x = torch.randn(2, 12, 16)
    blocks = torch.arange(12) // 4
    apart = blocks[:, None] != blocks[None, :]

    normed = layer.ln_1(x)
    attended = x + layer.attn(normed, normed, normed, attn_mask=apart, need_weights=False)[0]
    expected = attended + layer.mlp(layer.ln_2(attended))

    torch.testing.assert_close(layer(x), expected)


def test_a_snippet_is_not_seen_by_the_transformer_outside_its_block() -> None:
    layer = BlockLocalLayer(dim=16, window=4)
    x = torch.randn(1, 12, 16)
    changed = x.clone()
    changed[0, 5] += 1
    moved = (layer(changed) - layer(x)).abs().amax(dim=-1)[0] > 0
    assert moved.tolist() == [False] * 4 + [True] * 4 + [False] * 4


def test_a_window_longer_than_the_input_is_one_block_of_all_snippets() -> None:
    long = TemporalAdapter(max_snippets=8, window=64, dim=16)
    fitting = TemporalAdapter(max_snippets=8, window=8, dim=16)
    fitting.load_state_dict(long.state_dict())
    x, length = torch.randn(2, 8, 16), torch.tensor([8, 3])
    torch.testing.assert_close(long(x, length), fitting(x, length), rtol=0, atol=0)


def test_a_window_that_does_not_divide_the_snippets_is_refused_with_lengths_that_would_do() -> None:
    with pytest.raises(InputError, match=r"max_snippets: 100 .* window of 64 .* use 64 or 128"):
        TemporalAdapter(max_snippets=100, window=64)


def similarity_adjacency_one_by_one(rows: Tensor, length: int) -> Tensor:
    adjacency = torch.zeros(len(rows), len(rows))
    for i in range(length):
        weights = []
        for j in range(length):
            cosine = float(rows[i] @ rows[j] / (rows[i].norm() * rows[j].norm()))
            weights.append(math.exp(cosine if cosine > 0.7 else 0.0))
        for j in range(length):
            adjacency[i, j] = weights[j] / sum(weights)
    return adjacency


def test_similarity_adjacency_equals_a_loop_over_videos_and_pairs_of_rows() -> None:
    torch.manual_seed(0)
    # A common direction puts similarities on both sides of the threshold.
    rows = torch.randn(3, 10, 4) + 2
    length = [10, 6, 1]
    expected = torch.stack([similarity_adjacency_one_by_one(*video) for video in zip(rows, length, strict=True)])
    assert (expected[0] < 0.1).any()
    assert (expected[0] > 0.1).any()
    torch.testing.assert_close(similarity_adjacency(rows, torch.tensor(length)), expected)


def test_padding_rows_do_not_enter_the_similarity_adjacency() -> None:
    rows = torch.randn(1, 6, 4)
    other_padding = rows.clone()
    other_padding[0, 4:] = torch.randn(2, 4)
    length = torch.tensor([4])
    adjacency = similarity_adjacency(rows, length)
    assert torch.equal(adjacency, similarity_adjacency(other_padding, length))
    assert not adjacency[0, 4:].any()
    assert not adjacency[0, :, 4:].any()


def test_similarity_gives_finite_gradients_when_most_rows_are_padding() -> None:
    rows = torch.randn(1, 6, 4, requires_grad=True)
    adjacency = similarity_adjacency(rows, torch.tensor([1]))
    (gradient,) = torch.autograd.grad(adjacency.square().sum(), rows)
    assert gradient.isfinite().all()


def test_distance_adjacency_falls_by_e_to_the_one_over_e_per_snippet() -> None:
    expected = [[math.exp(-abs(i - j) / math.e) for j in range(4)] for i in range(4)]
    torch.testing.assert_close(distance_adjacency(4), torch.tensor(expected))


def test_a_graph_layer_adds_the_rows_its_adjacency_names_to_its_residual() -> None:
    layer = GraphLayer(2, 2)
    layer.weight.data = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    x = torch.tensor([[[1.0, 1.0], [3.0, 5.0]]])
    adjacency = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    # Row 0 gets row 1 times the weight, [3, 10], and itself; row 1 gets itself alone.
    summed = torch.tensor([[[4.0, 11.0], [3.0, 5.0]]])
    torch.testing.assert_close(layer(x, adjacency), summed * torch.sigmoid(1.702 * summed))


def test_the_similarity_branch_takes_the_first_half_of_the_linear_layers_input() -> None:
    adapter = TemporalAdapter(max_snippets=4, window=4, dim=8)
    x, length = torch.randn(1, 4, 8), torch.tensor([4])
    adapter.linear.weight.data = torch.eye(8)
    adapter.linear.bias.data.zero_()
    before = adapter(x, length)
    adapter.similarity.second.weight.data += 1
    changed = (adapter(x, length) != before).any(dim=1)[0]
    assert changed.tolist() == [True] * 4 + [False] * 4


def test_positions_are_added_to_padded_rows_too() -> None:
    adapter = TemporalAdapter(max_snippets=4, window=4, dim=8)
    x, length = torch.zeros(1, 4, 8), torch.tensor([1])
    before = adapter(x, length)
    adapter.position_embedding.data[3] += torch.randn(8)
    assert not torch.equal(adapter(x, length)[0, 0], before[0, 0])


def test_the_constant_adjacency_is_not_part_of_a_checkpoint() -> None:
    assert "distance_adjacency" not in TemporalAdapter(max_snippets=4, window=4, dim=8).state_dict()
