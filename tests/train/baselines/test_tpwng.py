import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from extract.base.errors import InputError
from tests.train.baselines.learning import FreeText, looks_of_classes, trained_frame_ap
from train.baselines.tpwng import (
    TPWNG,
    PromptedText,
    SpanBlock,
    abnormal_rank,
    divergence,
    log_class_map,
    normal_rank,
    pseudo_labels,
    soft_span,
    zero_to_one,
)
from train.learner import BaselineLearner
from train.loop import build_optimizer
from train.methods import METHODS
from train.model.clip_text import prompt_tokens
from train.samples import Batch
from train.settings import Recipe, as_settings

RECIPE = Recipe(**as_settings(METHODS["tpwng"].recipe))

DIM, ROWS = 16, 9


@pytest.fixture(autouse=True)
def one_thread_and_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def paired_batch(lengths: list[int], rows: int = ROWS) -> Batch:
    """Normal videos, then as many abnormal ones, of whose four classes the first video has two."""
    length, half = torch.tensor(lengths), len(lengths) // 2
    visual = torch.randn(len(lengths), rows, DIM) * (torch.arange(rows)[:, None] < length[:, None, None])
    labels = torch.zeros(len(lengths), 5)
    labels[:half, 0] = 1
    for video in range(half, len(lengths)):
        labels[video, 1 + video % 4] = 1
    labels[half, 1 + (half + 1) % 4] = 1
    return Batch(visual, torch.zeros_like(visual), length, labels)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def test_it_has_the_weights_of_its_description(clip: Any) -> None:
    network = TPWNG()
    assert count(network.blocks[0]) == 3_154_436
    assert count(network.blocks) + count(network.classifier) == 12_619_281
    assert count(network.evidence) == 3_148_288
    assert count(network) + count(network.text_side(clip, ["normal", "riot"])) == 16_033_809


def test_texts_are_vectors_and_names_through_the_frozen_tower_and_a_learned_projection(clip: Any) -> None:
    prompts = ["normal", "car accident"]
    side = PromptedText(clip, prompts)
    with torch.no_grad():
        side.projection.add_(0.1 * torch.randn_like(side.projection))
    tokens = prompt_tokens(clip, prompts)
    for number, length in enumerate(tokens.name_lengths.tolist()):
        own = tokens.embeddings[number]
        sequence = torch.cat([own[:1], side.vectors, own[1 : length + 2], own[length + 2 : 69]])
        assert len(sequence) == 77
        whole = clip.transformer((sequence + clip.positional_embedding)[None], attn_mask=clip.attn_mask)[0]
        expected = clip.ln_final(whole[8 + length + 1]) @ side.projection
        torch.testing.assert_close(side()[number], expected, rtol=1e-4, atol=1e-4)
    side().square().sum().backward()
    assert {name for name, one in side.named_parameters() if one.grad is not None} == {"vectors", "projection"}


def test_everything_that_is_learned_is_optimised_and_saved(clip: Any) -> None:
    network = TPWNG()
    learner = BaselineLearner(network, network.text_side(clip, ["normal", "riot"]))
    (group,) = build_optimizer(learner, RECIPE).param_groups
    assert sum(one.numel() for one in group["params"]) == 16_033_809
    assert {name for name in learner.learned_state() if name.startswith("prompt")} == {
        "prompt.vectors",
        "prompt.projection",
    }


@pytest.mark.parametrize(("back", "weight"), [(0, 1.0), (2, 1.0), (4, 0.5), (6, 0.0), (9, 0.0)])
def test_a_row_counts_in_full_within_the_span_and_less_and_less_beyond(back: int, weight: float) -> None:
    assert soft_span(torch.tensor(2.0), torch.tensor(back), ramp=4).item() == pytest.approx(weight)


def test_low_guidance_means_abnormal() -> None:
    valid = torch.ones(1, 2, dtype=torch.bool)
    labels = pseudo_labels(torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]]), valid, 0.35)
    assert labels.tolist() == [[0.0, 1.0]]


def test_similarities_that_are_flat_become_zeros() -> None:
    valid = torch.tensor([[True, True, False]])
    assert zero_to_one(torch.tensor([[0.3, 0.3, 9.0]]), valid).tolist() == [[0.0, 0.0, 0.0]]
    assert zero_to_one(torch.tensor([[0.1, 0.5, 9.0]]), valid).tolist() == [[0.0, 1.0, 0.0]]


def test_the_normal_rank_by_hand() -> None:
    to_texts = torch.tensor([[[0.3, 0.1, 0.2], [0.1, 0.2, -0.4], [9.0, 9.0, 9.0]]])
    assert normal_rank(to_texts, torch.tensor([[True, True, False]])).item() == pytest.approx(0.9)


def test_similarities_that_are_multiples_do_not_diverge() -> None:
    similarity = torch.rand(2, 5)
    valid = torch.tensor([[True] * 5, [True, True, True, False, False]])
    assert divergence(similarity, 2 * similarity, valid).item() == pytest.approx(1, rel=1e-6)


def test_a_video_of_every_abnormal_class_has_no_rank() -> None:
    similarity = torch.rand(1, 3)
    value = abnormal_rank(
        torch.rand(1, 3, 3), similarity, similarity, torch.tensor([[0.0, 1, 1]]), torch.ones(1, 3, dtype=torch.bool)
    )
    assert value.item() == 0


def test_the_class_map_by_hand() -> None:
    to_texts = torch.log(torch.tensor([[[0.2, 0.5, 0.3]]])) * 0.07
    shares = log_class_map(torch.full((1, 1), math.log(4)), to_texts).exp()
    assert shares[0, 0].tolist() == pytest.approx([0.2 + 0.8 * 0.2, 0.8 * 0.5, 0.8 * 0.3])


def linear(layer: nn.Linear, x: np.ndarray) -> np.ndarray:
    return layer.weight.detach().double().numpy() @ x + layer.bias.detach().double().numpy()


def norm(layer: nn.LayerNorm, x: np.ndarray) -> np.ndarray:
    weight, bias = (part.detach().double().numpy() for part in (layer.weight, layer.bias))
    return (x - x.mean()) / math.sqrt(x.var() + 1e-5) * weight + bias


def gelu(x: np.ndarray) -> np.ndarray:
    return np.array([value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in x])


def plain_block(block: SpanBlock, rows: np.ndarray, length: int, ramp: float = 256) -> np.ndarray:
    wide = DIM // 4
    normal = [norm(block.norm, row) for row in rows]
    projected = [linear(block.project, row) for row in normal]
    spans = [length / (1 + np.exp(-linear(block.span, row))) for row in normal]
    made = []
    for now in range(len(rows)):
        gathered = []
        for head in range(4):
            part = slice(head * wide, (head + 1) * wide)
            query, weights, total = projected[now][:DIM][part], [], np.zeros(wide)
            for then in range(now + 1):
                fade = min(1.0, max(0.0, (ramp + spans[now][head] - (now - then)) / ramp))
                weights.append(fade * math.exp(query @ projected[then][DIM : 2 * DIM][part] / math.sqrt(wide)))
                total += weights[-1] * projected[then][2 * DIM :][part]
            gathered.append(total / sum(weights))
        x = rows[now] + linear(block.out, np.concatenate(gathered))
        made.append(x + linear(block.mlp[4], gelu(linear(block.mlp[1], norm(block.mlp[0], x)))))
    return np.array(made)


@pytest.mark.parametrize("ramp", [256, 2])
def test_a_block_by_hand(ramp: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soft_span, "__defaults__", (ramp,))
    block = SpanBlock(DIM).eval()
    x = torch.randn(2, ROWS, DIM)
    valid = torch.arange(ROWS) < torch.tensor([[9], [4]])
    output = block(x[valid], valid).detach().split([9, 4])
    for video, length in enumerate([9, 4]):
        expected = plain_block(block, x[video, :length].double().numpy(), length, ramp)
        np.testing.assert_allclose(output[video].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_a_span_of_all_rows_is_plain_causal_attention() -> None:
    block = SpanBlock(DIM).eval()
    with torch.no_grad():
        block.span.weight.zero_()
        block.span.bias.fill_(50)
    x = torch.randn(1, ROWS, DIM)
    rows = block.norm(x)
    query, key, value = (part.unflatten(-1, (4, -1)).transpose(1, 2) for part in block.project(rows).chunk(3, dim=-1))
    attended = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    expected = x + block.out(attended.transpose(1, 2).flatten(2))
    encoded = block(x[0], torch.ones(1, ROWS, dtype=torch.bool))
    torch.testing.assert_close(encoded, (expected + block.mlp(expected))[0], rtol=1e-4, atol=1e-5)


def plain_losses(network: TPWNG, batch: Batch, text: Tensor) -> dict[str, float]:
    """The terms of a batch whose first half is normal, row by row from the description."""
    t, labels = text.double().numpy(), batch.labels.double().numpy()
    half = len(labels) // 2
    videos = [batch.visual[i, :n].double().numpy() for i, n in enumerate(batch.length.tolist())]

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))

    def stretch(similarity: list[float]) -> list[float]:
        return [(value - min(similarity)) / (max(similarity) - min(similarity)) for value in similarity]

    guides = []
    for rows in videos[:half]:
        match = [math.exp(cosine(row, t[0])) for row in rows]
        evidence = sum(w / sum(match) * row for w, row in zip(match, rows, strict=True))
        hidden = gelu(linear(network.evidence[0], np.concatenate([t[0], evidence])))
        guides.append(linear(network.evidence[2], hidden) + t[0])
    guide = sum(guides) / half

    terms: dict[str, list[float]] = {
        name: [] for name in ("normal_rank", "abnormal_rank", "divergence", "smoothness", "sparsity", "classification")
    }
    for video, rows in enumerate(videos):
        abnormal = [0.0] * len(rows)
        if video < half:
            fits = max(cosine(row, t[0]) for row in rows)
            wrong = max(cosine(row, other) for row in rows for other in t[1:])
            terms["normal_rank"].append(max(0.0, 1 - fits + wrong))
        else:
            own = [c for c in range(1, len(t)) if labels[video, c]]
            others = [c for c in range(1, len(t)) if not labels[video, c]]
            of_class = [max(cosine(row, t[c]) for c in own) for row in rows]
            of_normal = [cosine(row, guide) for row in rows]
            wrong = max(cosine(row, t[c]) for row in rows for c in others)
            ranks = [max(0.0, 1 - max(similarity) + wrong) for similarity in (of_class, of_normal)]
            terms["abnormal_rank"].append(sum(ranks))
            terms["divergence"].append(cosine(np.array(of_class), np.array(of_normal)))
            similarity = stretch(of_class)
            terms["smoothness"].append(sum((a - b) ** 2 for a, b in itertools.pairwise(similarity)))
            terms["sparsity"].append(sum(similarity))
            mixed = [0.2 * n + 0.8 * (1 - c) for n, c in zip(stretch(of_normal), similarity, strict=True)]
            abnormal = [float(value < 0.35) for value in stretch(mixed)]
        x = rows
        for block in network.blocks:
            x = plain_block(block, x, len(rows))
        for row, label in zip(x, abnormal, strict=True):
            score = 1 / (1 + math.exp(-linear(network.classifier[1], norm(network.classifier[0], row))[0]))
            terms["classification"].append(-math.log(score if label else 1 - score))
    means = {name: sum(values) / len(values) for name, values in terms.items()}
    weights = {"smoothness": 0.1, "sparsity": 0.01}
    return means | {"total": sum(weights.get(name, 1) * value for name, value in means.items())}


def test_all_terms_by_a_plain_computation() -> None:
    network, batch, text = TPWNG(dim=DIM).eval(), paired_batch([9, 4, 6, 9]), torch.randn(5, DIM)
    losses = {name: loss.item() for name, loss in network.losses(batch, text).items()}
    expected = plain_losses(network, batch, text)
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        assert losses[name] == pytest.approx(value, rel=1e-4), name


def test_pseudo_labels_carry_no_gradient_into_the_texts() -> None:
    network, text = TPWNG(dim=DIM), torch.randn(5, DIM, requires_grad=True)
    network.losses(paired_batch([9, 4, 6, 9]), text)["classification"].backward()
    assert text.grad is None
    assert all(one.grad is None for one in network.evidence.parameters())


def test_every_parameter_is_reached_by_the_total_loss() -> None:
    network, text = TPWNG(dim=DIM), torch.randn(5, DIM, requires_grad=True)
    network.losses(paired_batch([9, 4, 6, 9]), text)["total"].backward()
    reached = {name: one.grad is not None and one.grad.isfinite().all() for name, one in network.named_parameters()}
    assert all(reached.values())
    assert text.grad.isfinite().all()


def test_no_row_sees_later_rows() -> None:
    network, text, x = TPWNG(dim=DIM).eval(), torch.randn(5, DIM), torch.randn(1, ROWS, DIM)
    changed = x.clone()
    changed[:, 5:] = torch.randn(1, ROWS - 5, DIM)
    for one, other in zip(
        network(x, x, torch.tensor([9]), text), network(changed, x, torch.tensor([9]), text), strict=True
    ):
        if one is not None:
            torch.testing.assert_close(one[:, :5], other[:, :5])
            assert not torch.allclose(one[:, 5:], other[:, 5:])


def test_rows_past_the_length_and_other_videos_change_neither_scores_nor_losses() -> None:
    network, text, batch = TPWNG(dim=DIM).eval(), torch.randn(5, DIM), paired_batch([9, 4, 6, 9])
    more = torch.randn(4, 14, DIM)
    inside = torch.arange(14)[:, None] < batch.length[:, None, None]
    visual = torch.where(inside, torch.cat([batch.visual, more[:, :5]], dim=1), more)
    longer = batch._replace(visual=visual, audio=more)
    output, same = network(*batch[:3], text), network(*longer[:3], text)
    for video, valid in enumerate(batch.length.tolist()):
        alone = network(batch.visual[video : video + 1, :valid], batch.audio, batch.length[video : video + 1], text)
        for one, other, third in zip(output[:3], same[:3], alone[:3], strict=True):
            torch.testing.assert_close(other[video, :valid], one[video, :valid], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(third[0], one[video, :valid], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.losses(longer, text), network.losses(batch, text), rtol=1e-4, atol=1e-5)


def test_a_batch_that_is_not_paired_is_refused() -> None:
    batch = paired_batch([9, 9, 9, 9])
    with pytest.raises(InputError, match="set sampling to paired"):
        TPWNG(dim=DIM).losses(batch._replace(labels=batch.labels[[0, 0, 0, 3]]), torch.randn(5, DIM))


def with_texts(texts: Tensor) -> Callable[[int], tuple[TPWNG, FreeText]]:
    """Give what builds the network for simulated videos, beside class embeddings that begin as ``texts``."""

    def build(dim: int) -> tuple[TPWNG, FreeText]:
        side = FreeText(len(texts), dim)
        side.vectors.data = texts.clone()
        return TPWNG(dim=dim), side

    return build


def test_it_learns_where_an_event_is_from_texts_that_tell_what_one_looks_like() -> None:
    recipe = replace(RECIPE, learning_rate=1e-3)
    telling = torch.from_numpy(looks_of_classes()).float()
    # Of another class than what it says, as untrained texts are.
    misleading = torch.randn(telling.shape, generator=torch.Generator().manual_seed(0))
    assert trained_frame_ap(with_texts(telling), recipe, steps=20, true_labels=True) > 0.9
    assert trained_frame_ap(with_texts(misleading), recipe, steps=20, true_labels=True) < 0.5
