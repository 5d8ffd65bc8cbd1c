import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor, nn
from torch.nn import functional as F

from tests.train.baselines.learning import CLASSES, FreeText, trained_frame_ap
from train.baselines import dsanet
from train.baselines.dsanet import (
    UCF,
    XD,
    AdaptedText,
    DSANet,
    background_target,
    event_weights,
    log_class_map,
    mix_in,
    smooth,
)
from train.learner import BaselineLearner
from train.loop import build_optimizer
from train.methods import METHODS
from train.model.clip_text import prompt_tokens
from train.model.losses import AlignmentLoss, text_separation_loss
from train.samples import Batch
from train.settings import Recipe, as_settings

RECIPE = Recipe(**as_settings(METHODS["dsanet"].recipe))
UCF_RECIPE = Recipe(**as_settings(METHODS["dsanet_ucf"].recipe))

DIM, ROWS = 16, 12
SMALL = replace(XD, window=4)


@pytest.fixture(autouse=True)
def one_thread_and_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def network(form: dsanet.Form = "released", rows: int = ROWS) -> DSANet:
    """A narrow one whose normality branch is not nearly zero, as it is when it starts."""
    made = DSANet(SMALL, rows, form, DIM)
    with torch.no_grad():
        for parameter in made.normality.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return made


def texts(classes: int = 3, dim: int = DIM) -> Tensor:
    return F.normalize(torch.randn(classes, dim), dim=-1)


def random_batch(lengths: list[int], rows: int = ROWS, dim: int = DIM) -> Batch:
    length = torch.tensor(lengths)
    visual = torch.randn(len(lengths), rows, dim) * (torch.arange(rows)[:, None] < length[:, None, None])
    labels = torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 1]])[torch.arange(len(lengths)) % 3]
    return Batch(visual, torch.zeros_like(visual), length, labels)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def test_it_has_as_many_weights_as_the_released_network_but_for_one_unused(clip: Any) -> None:
    for preset, expected in ((XD, 40_454_210), (UCF, 44_130_882)):
        made = DSANet(preset)
        text = made.text_side(clip, ["normal", "fighting"])
        assert count(made.normality) == 30_479_424
        assert count(made) + count(text) + 1 == expected
    assert count(DSANet(XD)) - 30_479_424 + 1 == 9_450_498


def test_an_adapted_token_keeps_its_length_and_a_share_of_none_keeps_the_token() -> None:
    x, adapted = torch.randn(2, 4, 6), torch.randn(2, 4, 6)
    torch.testing.assert_close(mix_in(x, adapted, 1.0).norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(mix_in(x, adapted, 0.0), x)
    parallel = (mix_in(x, adapted, 0.25) - 0.75 * x) / 0.25
    torch.testing.assert_close(F.cosine_similarity(parallel, adapted, dim=-1), torch.ones(2, 4))


def test_texts_without_a_share_are_clips_own_but_for_the_last_projection(clip: Any) -> None:
    prompts = ["normal", "car accident"]
    side = AdaptedText(clip, prompts, blocks=3, share=0.0)
    tokens = prompt_tokens(clip, prompts)
    whole = clip.transformer(tokens.embeddings + clip.positional_embedding, attn_mask=clip.attn_mask)
    ends = clip.ln_final(whole)[torch.arange(2), tokens.name_lengths + 1]
    projected = ends @ side.last.weight.T
    expected = torch.where(projected > 0, projected, 0.01 * projected)
    torch.testing.assert_close(side(), expected / expected.norm(dim=1, keepdim=True), rtol=1e-4, atol=1e-5)


def test_texts_with_a_share_by_hand(clip: Any) -> None:
    prompts = ["normal", "car accident"]
    side = AdaptedText(clip, prompts, blocks=2, share=0.6)
    tokens = prompt_tokens(clip, prompts)
    x = tokens.embeddings + clip.positional_embedding
    for number, block in enumerate(clip.transformer.resblocks):
        x = block(x, attn_mask=clip.attn_mask)
        if number < 2:
            adapted = x @ side.adapters[number].weight.T
            adapted = torch.where(adapted > 0, adapted, 0.01 * adapted)
            x = 0.6 * adapted * x.norm(dim=-1, keepdim=True) / (adapted.norm(dim=-1, keepdim=True) + 1e-6) + 0.4 * x
    ends = clip.ln_final(x)[torch.arange(2), tokens.name_lengths + 1] @ side.last.weight.T
    expected = torch.where(ends > 0, ends, 0.01 * ends)
    torch.testing.assert_close(side(), expected / expected.norm(dim=1, keepdim=True), rtol=1e-4, atol=1e-5)


def test_texts_are_computed_anew_after_a_step(clip: Any) -> None:
    side = AdaptedText(clip, ["normal", "riot"], blocks=1, share=0.6).eval()
    before = side()
    with torch.no_grad():
        side.last.weight.add_(torch.randn_like(side.last.weight))
    after = side()
    assert not torch.allclose(before, after)
    fresh = AdaptedText(clip, ["normal", "riot"], blocks=1, share=0.6).eval()
    fresh.load_state_dict(side.state_dict())
    assert torch.equal(after, fresh())


def test_clips_own_weights_get_no_gradient_and_are_not_saved(clip: Any) -> None:
    learner = BaselineLearner(DSANet(), DSANet().text_side(clip, ["normal", "riot"]))
    learner.text().square().sum().backward()
    learned = {name for name, parameter in learner.prompt.named_parameters() if parameter.grad is not None}
    assert learned == {"adapters.0.weight", "last.weight"}
    assert {name for name in learner.learned_state() if name.startswith("prompt")} == {f"prompt.{n}" for n in learned}
    learner.set_learned_state(learner.learned_state())


@pytest.mark.parametrize(("classes", "normal", "other"), [(7, 0.86334, 0.02278), (14, 0.80360, 0.01511)])
def test_the_background_is_nearly_all_normal(classes: int, normal: float, other: float) -> None:
    target = background_target(torch.zeros(2, classes))
    assert target[0].tolist() == pytest.approx([normal] + [other] * (classes - 1), abs=6e-6)
    assert target.sum(dim=1).tolist() == pytest.approx([1, 1])


def test_the_labels_are_smoothed() -> None:
    one, two = torch.eye(7)[2], (torch.eye(7)[2] + torch.eye(7)[3]) / 2
    assert smooth(one)[[2, 0]].tolist() == pytest.approx([0.91429, 0.01429], abs=6e-6)
    assert smooth(two)[[2, 3, 0]].tolist() == pytest.approx([0.46429, 0.46429, 0.01429], abs=6e-6)


def test_the_released_event_follows_high_scores_and_the_background_low_ones() -> None:
    read = torch.ones(1, 2, dtype=torch.bool)
    event, background = event_weights(torch.tensor([[0.9, 0.1]]), read, "released")
    assert event[0].tolist() == pytest.approx([0.999788, 0.000212], abs=1e-6)
    assert background[0].tolist() == pytest.approx([0.000212, 0.999788], abs=1e-6)
    for part in event_weights(torch.tensor([[0.3, 0.3]]), read, "released"):
        assert part[0].tolist() == pytest.approx([0.5, 0.5])
    assert event_weights(torch.zeros(1, 2), read, "released")[0].tolist() == [[0.0, 0.0]]


def test_the_papers_event_is_a_softmax_and_its_background_the_rest() -> None:
    read = torch.tensor([[True, True, False]])
    event, background = event_weights(torch.tensor([[0.9, 0.1, 0.5]]), read, "paper")
    share = 1 / (1 + math.exp(-0.8))
    assert event[0].tolist() == pytest.approx([share, 1 - share, 0])
    assert background[0].tolist() == pytest.approx([1 - share, share, 0])


def test_the_class_map_by_hand() -> None:
    shared = log_class_map(torch.zeros(1, 1), torch.tensor([[[2.0, 1.0, 0.0]]]), 1.0).exp()
    assert shared[0, 0].tolist() == pytest.approx([0.5, 0.36553, 0.13447], abs=6e-6)
    hotter = log_class_map(torch.full((1, 1), 2.0), torch.tensor([[[2.0, 1.0, 0.0]]]), 5.0).exp()
    assert hotter[0, 0, 0].item() == pytest.approx(1 - 0.59869, abs=6e-6)
    many = log_class_map(torch.randn(3, 4), torch.randn(3, 4, 7), 5.0)
    torch.testing.assert_close(many.softmax(dim=-1), many.exp())


@pytest.mark.parametrize("preset", [XD, UCF])
def test_both_of_its_scores_rank_rows_alike(preset: dsanet.Preset) -> None:
    logits, truth = torch.randn(1, 500), np.arange(500) % 3 == 0
    not_normal = 1 - log_class_map(logits, torch.randn(1, 500, 4), preset.temperature).exp()[0, :, 0]
    expected = average_precision_score(truth, logits[0].sigmoid())
    assert average_precision_score(truth, not_normal) == pytest.approx(expected, abs=1e-6)


def test_equal_logits_and_texts_give_the_terms_that_follow_from_them() -> None:
    for classes, loss in ((7, 1.94591), (14, 2.63906)):
        labels = torch.eye(classes)[[1, 2]] + torch.eye(classes)[[1, 4]]
        value = AlignmentLoss()(torch.full((2, 5, classes), 0.3), labels, torch.tensor([5, 3]))
        assert value.item() == pytest.approx(loss, abs=6e-6)
    assert text_separation_loss(torch.eye(4)).item() == 0
    assert text_separation_loss(torch.ones(4, 4)).item() == pytest.approx(1)


def plain_losses(net: DSANet, batch: Batch, text: Tensor) -> dict[str, float]:
    """The terms of the released form, row by row from the description, given V and the two branches' logits."""
    with torch.no_grad():
        features = net.temporal(batch.visual, batch.length)
        anomaly, classes = net.branches(features, text)
    v, logits1, logits2 = (part.double().numpy() for part in (features, anomaly, classes))
    t, labels = text.double().numpy(), batch.labels.double().numpy()
    state = {name: value.double().numpy() for name, value in net.normality.state_dict().items()}
    videos, rows, dim = v.shape
    classes_count, heads, wide = len(t), 8, dim // 8

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return state[f"{name}.weight"] @ x + state[f"{name}.bias"]

    def norm(name: str, x: np.ndarray) -> np.ndarray:
        return (x - x.mean()) / math.sqrt(x.var() + 1e-8) * state[f"{name}.weight"] + state[f"{name}.bias"]

    def gelu_mlp(name: str, x: np.ndarray) -> np.ndarray:
        hidden = linear(f"{name}.1", norm(f"{name}.0", x))
        return linear(f"{name}.3", np.array([h * (1 + math.erf(h / math.sqrt(2))) / 2 for h in hidden]))

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))

    def cross_entropy(logits: np.ndarray, target: np.ndarray) -> float:
        return -sum(y * (z - math.log(sum(math.exp(w) for w in logits))) for y, z in zip(target, logits, strict=True))

    terms: dict[str, list[float]] = {
        name: [] for name in ("classification", "alignment", "event", "background", "consistency", "compactness")
    }
    for video in range(videos):
        score = [1 / (1 + math.exp(-z)) for z in logits1[video]]
        length, abnormal = int(batch.length[video]), labels[video, 0] == 0
        k = length // 16 + 1
        highest = sum(sorted(score[:length])[-k:]) / k
        terms["classification"].append(-math.log(highest if abnormal else 1 - highest))
        share = labels[video] / labels[video].sum()
        best = np.array([sum(sorted(logits2[video, :length, c])[-k:]) / k for c in range(classes_count)])
        terms["alignment"].append(cross_entropy(best, share))

        normal_first = np.array([1.0] + [0.01] * (classes_count - 1))
        for name, weights, target in (
            ("event", [math.exp(10 * s) - 1 for s in score], share),
            ("background", [math.exp(10 * (1 - s)) - 1 for s in score], normal_first / normal_first.sum()),
        ):
            part = sum(w / sum(weights) * row for w, row in zip(weights, v[video], strict=True))
            logits = np.array([cosine(part, one) / 0.07 for one in t])
            terms[name].append(cross_entropy(logits, 0.9 * target + 0.1 / classes_count))

        chosen = sorted(range(rows), key=lambda row: score[row])[: int(0.8 * rows)]
        read = {row: linear("aggregation.key_value", norm("aggregation.norm", v[video, row])) for row in chosen}
        prototypes = []
        for prototype in state["prototypes"]:
            query = linear("aggregation.query", norm("aggregation.norm", prototype))
            gathered = []
            for head in range(heads):
                part = slice(head * wide, (head + 1) * wide)
                weights = [math.exp(query[part] @ read[row][:dim][part] / math.sqrt(wide)) for row in chosen]
                gathered.append(
                    sum(w * read[row][dim:][part] for w, row in zip(weights, chosen, strict=True)) / sum(weights)
                )
            attended = prototype + linear("aggregation.out", np.concatenate(gathered))
            prototypes.append(attended + gelu_mlp("aggregation.mlp", attended))
        for row in chosen:
            terms["compactness"].append(min(1 - cosine(v[video, row], prototype) for prototype in prototypes))

        for row in range(length):
            hidden = linear("bottleneck.c_fc", v[video, row])
            x = linear("bottleneck.c_proj", np.array([h / (1 + math.exp(-1.702 * h)) for h in hidden]))
            for block in range(8):
                name = f"decoder.{block}"
                query = linear(f"{name}.query", norm(f"{name}.norm", x))
                gathered = []
                for head in range(heads):
                    part = slice(head * wide, (head + 1) * wide)
                    total = np.zeros(wide)
                    for prototype in prototypes:
                        both = linear(f"{name}.key_value", norm(f"{name}.norm", prototype))
                        weight = max(0.0, state[f"{name}.scale"][head, 0, 0] * cosine(query[part], both[:dim][part]))
                        total = total + weight * both[dim:][part]
                    gathered.append(total)
                x = linear(f"{name}.out", np.concatenate(gathered))
                x = x + gelu_mlp(f"{name}.mlp", x)
            terms["consistency"].append((score[row] - (1 - cosine(v[video, row], x)) / 2) ** 2)
    means = {name: sum(values) / len(values) for name, values in terms.items()}
    means["text_separation"] = sum(abs(cosine(t[0], one)) for one in t[1:]) / (classes_count - 1)
    means["total"] = sum(means.values()) + 4 * means["alignment"]
    return means


def test_all_terms_by_a_plain_computation() -> None:
    net, batch, text = network(), random_batch([12, 5]), texts()
    losses = {name: loss.item() for name, loss in net.losses(batch, text).items()}
    expected = plain_losses(net, batch, text)
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        assert losses[name] == pytest.approx(value, rel=2e-4), name


def test_ucf_weighs_the_alignment_by_1_1() -> None:
    losses = DSANet(replace(UCF, window=4), ROWS, dim=DIM).losses(random_batch([12, 5]), texts())
    others = sum(loss.item() for name, loss in losses.items() if name not in ("total", "alignment"))
    assert losses["total"].item() == pytest.approx(others + 1.1 * losses["alignment"].item(), rel=1e-5)


def test_a_row_and_its_rebuilding_that_disagree_with_the_score_cost_their_squared_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, batch = network(), random_batch([12])
    features = F.normalize(torch.randn(1, ROWS, DIM), dim=-1)
    across = F.normalize(torch.randn(1, ROWS, DIM), dim=-1)
    across = F.normalize(across - (across * features).sum(-1, keepdim=True) * features, dim=-1)
    for cosine, logit, loss in ((0.2, math.log(4), 0.16), (1.0, -50.0, 0.0)):
        rebuilt = cosine * features + math.sqrt(1 - cosine**2) * across
        monkeypatch.setattr(net.temporal, "forward", lambda *_: features)
        monkeypatch.setattr(
            net.branches, "forward", lambda *_, at=logit: (torch.full((1, ROWS), at), torch.zeros(1, ROWS, 3))
        )
        monkeypatch.setattr(net.normality, "forward", lambda *_, made=rebuilt: (made, torch.zeros(1, ROWS)))
        assert net.losses(batch, texts())["consistency"].item() == pytest.approx(loss, abs=1e-6)


def test_compactness_looks_at_the_nearest_prototype(monkeypatch: pytest.MonkeyPatch) -> None:
    branch = network().normality
    row = F.normalize(torch.randn(DIM), dim=-1)
    across = F.normalize(torch.randn(DIM), dim=-1)
    across = F.normalize(across - (across @ row) * row, dim=-1)
    at = [cosine * row + math.sqrt(1 - cosine**2) * across for cosine in (0.2, 0.9)]
    for prototypes, distance in ((torch.stack(at), 0.1), (torch.stack([at[0], 3 * row]), 0.0)):
        monkeypatch.setattr(branch.aggregation, "forward", lambda *_, made=prototypes: made[None])
        nearest = branch(row[None, None], torch.ones(1, 1, dtype=torch.bool))[1]
        assert (1 - nearest).item() == pytest.approx(distance, abs=1e-6)


def test_compactness_teaches_the_prototypes_alone_and_consistency_the_detector_too() -> None:
    def reached(term: str) -> set[str]:
        net = network()
        net.losses(random_batch([12, 7]), texts())[term].backward()
        return {name for name, one in net.named_parameters() if one.grad is not None and one.grad.abs().sum() > 0}

    compactness = reached("compactness")
    assert compactness
    assert all(name.startswith(("normality.prototypes", "normality.aggregation")) for name in compactness)
    consistency = reached("consistency")
    for part in (
        "temporal.",
        "branches.classifier",
        "normality.decoder",
        "normality.bottleneck",
        "normality.prototypes",
    ):
        assert any(name.startswith(part) for name in consistency), part
    assert not any(name.startswith("branches.class_embedding") for name in consistency)


def test_every_parameter_is_reached_by_the_total_loss(clip: Any) -> None:
    made = network()
    made.losses(random_batch([12, 7, 4]), texts())["total"].backward()
    assert [name for name, one in made.named_parameters() if one.grad is None or not one.grad.isfinite().all()] == []


def test_the_normality_branch_changes_no_score_and_no_class() -> None:
    net, batch, text = network().eval(), random_batch([12, 5]), texts()
    before, terms = net(batch.visual, batch.audio, batch.length, text), net.losses(batch, text)
    with torch.no_grad():
        for parameter in net.normality.parameters():
            parameter.add_(torch.randn_like(parameter))
    after, changed = net(batch.visual, batch.audio, batch.length, text), net.losses(batch, text)
    assert all(torch.equal(one, other) for one, other in zip(before[:3], after[:3], strict=True))
    assert torch.equal(terms["event"], changed["event"])
    assert torch.equal(terms["background"], changed["background"])
    assert not torch.equal(terms["consistency"], changed["consistency"])


def test_a_decoder_that_asks_nothing_gives_the_same_row_everywhere() -> None:
    branch = network().normality
    with torch.no_grad():
        for block in branch.decoder:
            block.query.weight.zero_()
    rebuilt, _ = branch(torch.randn(2, 6, DIM), torch.ones(2, 6, dtype=torch.bool))
    torch.testing.assert_close(rebuilt, rebuilt[:, :1].expand_as(rebuilt))


def longer(batch: Batch, rows: int) -> Batch:
    more = torch.zeros(len(batch.length), rows - batch.visual.shape[1], DIM)
    visual = torch.cat([batch.visual, more], dim=1)
    return batch._replace(visual=visual, audio=torch.zeros_like(visual))


def stretched(form: dsanet.Form) -> tuple[DSANet, DSANet]:
    """The same network for 12 and for 24 rows."""
    short, long = network(form), network(form, 24)
    state = short.state_dict()
    state["temporal.position_embedding"] = torch.cat([state["temporal.position_embedding"], torch.randn(12, DIM)])
    long.load_state_dict(state)
    return short.eval(), long.eval()


def test_rows_past_the_length_change_nothing_in_the_papers_form() -> None:
    short, long = stretched("paper")
    batch, text = random_batch([12, 5]), texts()
    some, same = short(*batch[:3], text), long(*longer(batch, 24)[:3], text)
    garbage = longer(batch, 24)
    outside = torch.arange(24)[:, None] >= batch.length[:, None, None]
    garbage = garbage._replace(visual=torch.where(outside, torch.randn_like(garbage.visual), garbage.visual))
    noisy = long(*garbage[:3], text)
    for video, valid in enumerate([12, 5]):
        for one, other, third in zip(some[:3], same[:3], noisy[:3], strict=True):
            torch.testing.assert_close(other[video, :valid], one[video, :valid], rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(third[video, :valid], one[video, :valid], rtol=1e-4, atol=1e-4)
    for other in (longer(batch, 24), garbage):
        torch.testing.assert_close(long.losses(other, text), short.losses(batch, text), rtol=1e-4, atol=1e-4)


def test_rows_past_the_length_take_part_in_the_released_event() -> None:
    short, long = stretched("released")
    batch, text = random_batch([12, 5]), texts()
    changed = long.losses(longer(batch, 24), text)["event"] - short.losses(batch, text)["event"]
    assert abs(changed.item()) > 1e-3


@pytest.mark.parametrize("form", ["released", "paper"])
def test_a_video_scores_the_same_alone_and_among_others(form: dsanet.Form) -> None:
    net, batch, text = network(form).eval(), random_batch([5, 12, 9]), texts()
    together = net(*batch[:3], text)
    for video in range(3):
        alone = net(*(part[video : video + 1] for part in batch[:3]), text)
        for one, other in zip(alone[:3], together[:3], strict=True):
            torch.testing.assert_close(one[0], other[video], rtol=1e-4, atol=1e-4)


def test_its_two_optimisers_follow_their_own_rates(clip: Any) -> None:
    made = DSANet(SMALL, ROWS, dim=512)
    learner = BaselineLearner(made, made.text_side(clip, ["normal", "riot"]))
    optimiser = build_optimizer(learner, RECIPE, 412)
    main, branch = optimiser.param_groups
    assert {id(one) for one in branch["params"]} == {id(one) for one in made.normality.parameters()}
    both = [id(one) for group in (main, branch) for one in group["params"]]
    assert sorted(both) == sorted(id(one) for one in learner.parameters() if one.requires_grad)
    assert (branch["steps"], branch["warm_up"], branch["weight_decay"], branch["eps"]) == (4120, 100, 1e-4, 1e-10)
    assert (main["lr"], main["weight_decay"]) == (1e-5, 0.01)
    ucf = DSANet(replace(UCF, window=4), ROWS, dim=DIM)
    assert build_optimizer(BaselineLearner(ucf), UCF_RECIPE, 125).param_groups[1]["steps"] == 2510


def test_it_learns_from_true_labels_and_not_from_shuffled_ones() -> None:
    def build(dim: int) -> tuple[DSANet, nn.Module]:
        return DSANet(replace(XD, window=32), 32, dim=dim), FreeText(CLASSES, dim)

    recipe = replace(RECIPE, learning_rate=1e-3)
    assert trained_frame_ap(build, recipe, steps=10, true_labels=True) > 0.65
    assert trained_frame_ap(build, recipe, steps=10, true_labels=False) < 0.5
