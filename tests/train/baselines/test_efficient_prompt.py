import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from extract.datasets import DATA_SETS
from train.baselines.efficient_prompt import EfficientPrompt
from train.model.prompts import LearnablePrompt
from train.samples import Batch


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def learned_prompt(clip: Any) -> LearnablePrompt:
    return EfficientPrompt(max_snippets=9).text_side(clip, DATA_SETS["xd"].prompts)


def unchanging(network: EfficientPrompt) -> EfficientPrompt:
    """Take everything that changes a row out of a network."""
    for tensor in (network.positions, network.block.attn.out_proj.weight, network.block.mlp.c_proj.weight):
        torch.nn.init.zeros_(tensor)
    for tensor in (network.block.attn.out_proj.bias, network.block.mlp.c_proj.bias):
        torch.nn.init.zeros_(tensor)
    return network


def test_with_16_positions_it_has_the_released_number_of_parameters() -> None:
    prompt = 77 * 512
    assert parameters(EfficientPrompt(max_snippets=16)) + prompt == 3_200_000
    assert parameters(EfficientPrompt()) + prompt == 3_322_880


def test_positions_begin_normal_with_a_standard_deviation_of_a_hundredth() -> None:
    positions = EfficientPrompt().positions
    assert positions.mean().item() == pytest.approx(0, abs=2e-4)
    assert positions.std().item() == pytest.approx(0.01, rel=0.02)


def test_the_logits_and_the_loss_by_hand() -> None:
    network = EfficientPrompt(dim=16, max_snippets=24).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    length, labels = [20, 15], [[0.0, 1, 1], [1, 0, 0]]
    visual, text = torch.randn(2, 20, 16), torch.randn(3, 16)
    batch = Batch(visual, visual, torch.tensor(length), torch.tensor(labels))
    output = network(visual, visual, batch.length, text)
    losses = network.losses(batch, text)

    weights = {name: tensor.double().numpy() for name, tensor in network.state_dict().items()}

    def norm(row: np.ndarray, name: str) -> np.ndarray:
        scaled = (row - row.mean()) / math.sqrt(row.var() + 1e-5)
        return scaled * weights[f"block.{name}.weight"] + weights[f"block.{name}.bias"]

    def linear(row: np.ndarray, name: str) -> np.ndarray:
        return weights[f"block.{name}.weight"] @ row + weights[f"block.{name}.bias"]

    loss = 0.0
    for video, rows in enumerate(length):
        x = [visual[video, row].double().numpy() + weights["positions"][row] for row in range(rows)]
        projected = []
        for row in x:
            joined = weights["block.attn.in_proj_weight"] @ norm(row, "ln_1") + weights["block.attn.in_proj_bias"]
            projected.append((joined[:16], joined[16:32], joined[32:]))
        encoded = []
        for row in range(rows):
            heads = []
            for head in range(8):
                part = slice(2 * head, 2 * head + 2)
                fits = [math.exp(projected[row][0][part] @ key[part] / math.sqrt(2)) for _, key, _ in projected]
                heads.append(
                    sum(fit / sum(fits) * value[part] for fit, (_, _, value) in zip(fits, projected, strict=True))
                )
            y = x[row] + linear(np.concatenate(heads), "attn.out_proj")
            hidden = linear(norm(y, "ln_2"), "mlp.c_fc")
            hidden = np.array([value / (1 + math.exp(-1.702 * value)) for value in hidden])
            encoded.append(y + linear(hidden, "mlp.c_proj"))
        names = text.double().numpy()
        cosines = [
            [row @ name / math.sqrt(row @ row) / math.sqrt(name @ name) / 0.07 for name in names] for row in encoded
        ]
        np.testing.assert_allclose(output.class_logits[video, :rows].detach().numpy(), cosines, rtol=1e-3, atol=1e-3)
        for row in range(rows):
            score = 1 - math.exp(cosines[row][0]) / sum(math.exp(value) for value in cosines[row])
            assert output.anomaly_logits[video, row].sigmoid().item() == pytest.approx(score, rel=1e-3, abs=1e-6)
        k = {20: 2, 15: 1}[rows]
        best = [sum(sorted((line[column] for line in cosines), reverse=True)[:k]) / k for column in range(3)]
        normaliser = math.log(sum(math.exp(value) for value in best))
        events = sum(labels[video])
        loss -= sum(label / events * (value - normaliser) for label, value in zip(labels[video], best, strict=True)) / 2
    assert losses["classes"].item() == pytest.approx(loss, rel=1e-4)
    assert losses["total"].item() == pytest.approx(loss, rel=1e-4)


def test_a_block_that_adds_nothing_leaves_clips_own_cosines() -> None:
    network = unchanging(EfficientPrompt(dim=16, max_snippets=9).eval())
    visual, text = torch.randn(2, 9, 16), torch.randn(7, 16)
    logits = network(visual, visual, torch.tensor([9, 9]), text).class_logits
    expected = torch.cosine_similarity(visual[:, :, None], text[None, None], dim=-1) / 0.07
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_without_positions_rows_in_another_order_have_their_logits_in_that_order() -> None:
    network = EfficientPrompt(dim=16, max_snippets=9).eval()
    torch.nn.init.normal_(network.block.attn.in_proj_weight)
    visual, text, order = torch.randn(1, 9, 16), torch.randn(7, 16), torch.randperm(9)

    def logits(rows: Tensor) -> Tensor:
        found: Tensor = network(rows, rows, torch.tensor([9]), text).class_logits
        return found

    assert (logits(visual[:, order]) - logits(visual)[:, order]).abs().max() > 1e-4
    torch.nn.init.zeros_(network.positions)
    torch.testing.assert_close(logits(visual[:, order]), logits(visual)[:, order], rtol=1e-4, atol=1e-4)


def test_positions_block_and_prompt_learn_and_nothing_else(clip: Any) -> None:
    prompt, network = learned_prompt(clip), EfficientPrompt(max_snippets=9)
    visual = torch.randn(2, 9, 512)
    batch = Batch(visual, visual, torch.tensor([9, 4]), torch.eye(7)[[0, 3]])
    network.losses(batch, prompt())["total"].backward()
    reached = {
        name
        for module in (network, prompt)
        for name, parameter in module.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().sum() > 0
    }
    assert reached == {name for name, _ in network.named_parameters()} | {"context"}


def test_the_vector_before_a_name_is_that_of_its_own_position(clip: Any) -> None:
    prompt = learned_prompt(clip)
    seen: list[Tensor] = []
    prompt.encoder.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    prompt()
    # The start token, then vector 0 from row 1 of the table, vector 1 from row 2, ...
    for vector in range(16):
        (gradient,) = torch.autograd.grad(seen[0][1 + vector].sum(), prompt.context, retain_graph=True)
        assert gradient.abs().sum(dim=1).nonzero().squeeze(1).tolist() == [vector + 1]


def test_padding_and_other_videos_change_no_logit_and_no_loss() -> None:
    network = EfficientPrompt(dim=16, max_snippets=31).eval()
    visual, text, length = torch.randn(2, 23, 16), torch.randn(7, 16), torch.tensor([23, 9])
    labels = torch.eye(7)[[0, 3]]
    padded = torch.full((2, 31, 16), 5.0)
    for video, rows in enumerate(length.tolist()):
        padded[video, :rows] = visual[video, :rows]
    logits, longer = (network(rows, rows, length, text).class_logits for rows in (visual, padded))
    alone = network(visual[1:, :9], visual[1:, :9], length[1:], text).class_logits
    torch.testing.assert_close(longer[0, :23], logits[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(longer[1, :9], logits[1, :9], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(alone[0], logits[1, :9], rtol=1e-4, atol=1e-4)
    losses = [network.losses(Batch(rows, rows, length, labels), text)["total"] for rows in (visual, padded)]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-4, atol=1e-4)
