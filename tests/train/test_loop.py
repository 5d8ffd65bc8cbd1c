"""The training loop on a handful of random features and a network of eight snippets."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import open_clip
import pytest
import torch

from extract.base.errors import InputError
from extract.datasets import DATA_SETS
from tests.shards import Made, make_shard
from tests.train.narrow_clip import narrow_clip
from train import loop
from train.checkpoint import Checkpoint
from train.learner import BaselineLearner, Learner
from train.loop import DivergedError, Progress, build_optimizer, step_losses, train
from train.model.losses import AlignmentLoss, FocalAlignmentLoss, probability_loss
from train.model.prompts import LearnablePrompt
from train.networks import build_network
from train.samples import Split, TrainingSamples
from train.selection import Judge
from train.settings import Architecture, Precision, Recipe

LABELS = DATA_SETS["xd"]
SNIPPETS = 8
CPU = torch.device("cpu")
VIDEOS = [Made(f"v{i}", ("A",) if i % 2 else ("B1",), 6, offset=0.0 if i % 2 else 0.5) for i in range(6)]


@pytest.fixture(autouse=True)
def every_epoch_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SAVING_SHARE", math.inf)


@pytest.fixture
def clip() -> open_clip.CLIP:
    return narrow_clip()


@pytest.fixture
def samples(tmp_path: Path) -> Iterator[TrainingSamples]:
    make_shard(tmp_path / "train-00000.h5", VIDEOS)
    with Split(tmp_path, "train") as split:
        yield TrainingSamples(split.entries, LABELS.model_codes, SNIPPETS)


def new_learner(clip: open_clip.CLIP, model: str = "vadclip", seed: int = 0) -> Learner:
    torch.manual_seed(seed)
    network = build_network(Architecture(model, layers=1, window=4, max_snippets=SNIPPETS))
    alignment = AlignmentLoss() if model == "vadclip" else FocalAlignmentLoss(len(LABELS.codes))
    return Learner(network, LearnablePrompt(clip, LABELS.prompts), alignment)


def new_baseline(model: str, seed: int = 0) -> BaselineLearner:
    torch.manual_seed(seed)
    return BaselineLearner(build_network(Architecture(model, max_snippets=SNIPPETS)))


def run(
    learner: Learner | BaselineLearner,
    samples: TrainingSamples,
    folder: Path,
    recipe: Recipe,
    judge: Judge | None = None,
    identity: str = "x",
) -> Progress:
    return train(
        learner,
        samples,
        recipe,
        teacher=None,
        judge=judge,
        device=CPU,
        partial=folder / "partial",
        identity=identity,
        curves=folder / "curves",
        label="test",
    )


RECIPE = Recipe(epochs=3, batch=4, learning_rate=1e-4, milestones=(2,), seed=5)


def assert_same_state(first: Learner | BaselineLearner, second: Learner | BaselineLearner) -> None:
    ours, theirs = first.learned_state(), second.learned_state()
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


def test_training_lowers_the_loss(clip: open_clip.CLIP, samples: TrainingSamples, tmp_path: Path) -> None:
    learner = new_learner(clip)
    whole = samples.batch(samples.pairs[:, 0])
    before = step_losses(learner, whole, RECIPE, None)["total"].detach()
    run(learner, samples, tmp_path, replace(RECIPE, epochs=6))
    after = step_losses(learner, whole, RECIPE, None)["total"].detach()
    assert after < 0.9 * before


def test_clip_stays_frozen_and_the_context_learns(
    clip: open_clip.CLIP, samples: TrainingSamples, tmp_path: Path
) -> None:
    frozen = {name: parameter.clone() for name, parameter in clip.transformer.named_parameters()}
    learner = new_learner(clip)
    context = learner.prompt.context.clone()
    run(learner, samples, tmp_path, RECIPE)
    assert all(torch.equal(frozen[name], parameter) for name, parameter in clip.transformer.named_parameters())
    assert not torch.equal(context, learner.prompt.context)
    assert not any(name.startswith("prompt.encoder") for name in learner.learned_state())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_killed_run_resumes_to_the_numbers_it_would_have_had(
    clip: open_clip.CLIP, samples: TrainingSamples, tmp_path: Path, precision: Precision
) -> None:
    """A teacher, because its dropout draws random numbers too."""
    recipe = replace(RECIPE, precision=precision)
    undisturbed = new_learner(clip, "teacher")
    run(undisturbed, samples, tmp_path / "a", recipe)

    calls = []

    def killed_in_epoch_two(network: object, text: object) -> float:
        calls.append(network)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return float(len(calls))

    with pytest.raises(KeyboardInterrupt):
        run(new_learner(clip, "teacher"), samples, tmp_path / "b", recipe, killed_in_epoch_two)
    resumed = new_learner(clip, "teacher", seed=99)
    progress = run(resumed, samples, tmp_path / "b", recipe)
    assert progress.epoch == 3
    assert_same_state(undisturbed, resumed)


def test_saving_takes_no_more_than_its_share_and_a_kill_costs_no_number(
    samples: TrainingSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MACIL-SD with three epochs that are not saved, of which the second is the best."""
    monkeypatch.setattr(loop, "SAVING_SHARE", 1e-9)
    saved: list[int] = []
    save = loop._save

    def noted(path: Path, identity: str, progress: Progress, *rest: Any) -> None:
        saved.append(progress.epoch)
        save(path, identity, progress, *rest)

    monkeypatch.setattr(loop, "_save", noted)
    recipe, scores = replace(MIXED, epochs=5, selection="validation"), [0.2, 0.5, 0.9, 0.4, 0.7]
    undisturbed, resumed = new_baseline("macil_sd"), new_baseline("macil_sd", seed=99)
    run(undisturbed, samples, tmp_path / "a", recipe, judge_that_kills(scores))
    assert saved == [1, 5]
    with pytest.raises(KeyboardInterrupt):
        run(new_baseline("macil_sd"), samples, tmp_path / "b", recipe, judge_that_kills(scores[:4]))
    progress = run(resumed, samples, tmp_path / "b", recipe, judge_that_kills(scores[1:]))
    assert saved == [1, 5, 1, 2, 5]
    assert progress.kept_epoch == 3
    assert_same_state(undisturbed, resumed)


MIXED = replace(RECIPE, epochs=4, milestones=(), cosine_epochs=5, optimiser="adam", learning_rate=4e-4)


def judge_that_kills(scores: list[float]) -> Judge:
    """Give these scores, and kill the run where they end."""
    left = iter([*scores, None])

    def judge(network: torch.nn.Module, text: torch.Tensor) -> float:
        score = next(left)
        if score is None:
            raise KeyboardInterrupt
        return score

    return judge


@pytest.mark.parametrize("selection", ["validation", "released"])
def test_a_killed_run_resumes_its_rates_its_phase_and_its_mixing(
    samples: TrainingSamples, tmp_path: Path, selection: str
) -> None:
    """MACIL-SD, which has all three: two rates along a cosine, a weight that grows with the epochs, and mixing."""
    recipe, scores = replace(MIXED, selection=selection), [0.5, 0.9, 0.2, 0.7]
    undisturbed, resumed = new_baseline("macil_sd"), new_baseline("macil_sd", seed=99)
    whole = run(undisturbed, samples, tmp_path / "a", recipe, judge_that_kills(scores))
    for done, survived in ((0, 1), (1, 3)):
        with pytest.raises(KeyboardInterrupt):
            run(new_baseline("macil_sd"), samples, tmp_path / "b", recipe, judge_that_kills(scores[done:survived]))
    progress = run(resumed, samples, tmp_path / "b", recipe, judge_that_kills(scores[3:]))
    assert (progress.epoch, progress.kept_epoch) == (whole.epoch, whole.kept_epoch) == (4, 2)
    assert_same_state(undisturbed, resumed)
    last = [
        torch.load(tmp_path / name / "partial" / "state.pt", weights_only=True)["optimizer"]["param_groups"]
        for name in "ab"
    ]
    assert last[0] == last[1]
    fallen = (1 + math.cos(0.6 * math.pi)) / 2
    assert [group["lr"] for group in last[0]] == pytest.approx([4e-4 * fallen, 8e-5 * fallen])


def test_an_epoch_is_told_begun_and_ended_before_it_is_judged(
    samples: TrainingSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = new_baseline("macil_sd")
    network, events = learner.network, []
    monkeypatch.setattr(network, "start_epoch", lambda epoch, epochs: events.append(f"start {epoch} of {epochs}"))
    monkeypatch.setattr(network, "end_epoch", lambda: events.append("end"))
    network.narrow_visual.register_forward_hook(lambda *_: events.append("step"))

    def judge(network: torch.nn.Module, text: torch.Tensor) -> float:
        events.append("judge")
        return 0.0

    run(learner, samples, tmp_path, replace(MIXED, epochs=2, selection="validation"), judge)
    one = ["step", "step", "end", "judge"]
    assert events == ["start 0 of 2", *one, "start 1 of 2", *one]


@pytest.mark.parametrize(("model", "rates"), [("macil_sd", [1e-3, 2e-4]), ("hl_net", [1e-3, 5e-4]), ("rtfm", [1e-3])])
def test_every_learned_parameter_has_a_rate_and_some_methods_have_two(model: str, rates: list[float]) -> None:
    learner = new_baseline(model)
    optimizer = build_optimizer(learner, replace(MIXED, learning_rate=1e-3))
    assert [group["initial_lr"] for group in optimizer.param_groups] == pytest.approx(rates)
    held = [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]
    assert sorted(held) == sorted(id(parameter) for parameter in learner.parameters())


def test_the_state_of_other_settings_is_set_aside(
    clip: open_clip.CLIP, samples: TrainingSamples, tmp_path: Path
) -> None:
    run(new_learner(clip), samples, tmp_path, RECIPE, identity="other")
    fresh, anew = new_learner(clip), new_learner(clip)
    run(fresh, samples, tmp_path / "fresh", RECIPE)
    run(anew, samples, tmp_path, RECIPE)
    assert_same_state(fresh, anew)


def test_a_damaged_state_is_set_aside(clip: open_clip.CLIP, samples: TrainingSamples, tmp_path: Path) -> None:
    fresh, anew = new_learner(clip), new_learner(clip)
    run(fresh, samples, tmp_path, replace(RECIPE, epochs=1))
    state = tmp_path / "partial" / "state.pt"
    state.write_bytes(state.read_bytes()[:1000])
    run(anew, samples, tmp_path, replace(RECIPE, epochs=1))
    assert_same_state(fresh, anew)


def test_a_finished_run_that_is_started_again_keeps_what_it_kept(
    clip: open_clip.CLIP, samples: TrainingSamples, tmp_path: Path
) -> None:
    """The best epoch is once the last one, whose weights are not stored twice, and once an earlier one."""
    for number, scores in enumerate(([0.1, 0.9], [0.9, 0.1])):
        values = iter(scores)
        first, second = new_learner(clip), new_learner(clip, seed=9)
        recipe = replace(RECIPE, epochs=2, selection="validation")
        done = run(first, samples, tmp_path / str(number), recipe, lambda network, text: next(values))  # noqa: B023
        again = run(second, samples, tmp_path / str(number), recipe, lambda network, text: 1.0)
        assert (again.kept_epoch, again.kept_score) == (done.kept_epoch, done.kept_score) == (2 - number, 0.9)
        assert_same_state(first, second)


def test_the_best_judged_epoch_is_kept(clip: open_clip.CLIP, samples: TrainingSamples, tmp_path: Path) -> None:
    scores = iter([0.2, 0.9, 0.4])
    states: list[dict[str, torch.Tensor]] = []
    learner = new_learner(clip)

    def judge(network: torch.nn.Module, text: torch.Tensor) -> float:
        states.append(learner.learned_state())
        return next(scores)

    progress = run(learner, samples, tmp_path, RECIPE, judge)
    assert (progress.kept_epoch, progress.kept_score) == (2, 0.9)
    kept = learner.learned_state()
    assert all(torch.equal(kept[name], states[1][name]) for name in kept)
    assert not all(torch.equal(kept[name], states[2][name]) for name in kept)


def test_released_selection_sets_the_weights_back_to_the_best_before_the_next_epoch(
    clip: open_clip.CLIP, samples: TrainingSamples, tmp_path: Path
) -> None:
    states: list[dict[str, torch.Tensor]] = []
    learner = new_learner(clip)

    def worse_then_killed(network: torch.nn.Module, text: torch.Tensor) -> float:
        states.append(learner.learned_state())
        if len(states) == 3:
            raise KeyboardInterrupt
        return [0.9, 0.1][len(states) - 1]

    with pytest.raises(KeyboardInterrupt):
        run(learner, samples, tmp_path, replace(RECIPE, selection="released"), worse_then_killed)
    saved = torch.load(tmp_path / "partial" / "state.pt", weights_only=True)
    assert saved["progress"]["epoch"] == 2
    assert all(torch.equal(saved["learner"][name], states[0][name]) for name in states[0])
    assert not all(torch.equal(saved["learner"][name], states[1][name]) for name in states[1])


def test_judging_within_an_epoch_keeps_its_best_weights_and_never_sees_its_end(
    clip: open_clip.CLIP, samples: TrainingSamples, tmp_path: Path
) -> None:
    """Six steps, judged after the third and the fifth; training goes on from what was kept."""
    scores = iter([0.9, 0.1])
    states: list[dict[str, torch.Tensor]] = []
    steps, steps_when_judged = [], []
    learner = new_learner(clip)
    learner.network.register_forward_hook(lambda *_: steps.append(1))

    def judge(network: torch.nn.Module, text: torch.Tensor) -> float:
        assert not network.training
        states.append(learner.learned_state())
        steps_when_judged.append(len(steps))
        return next(scores)

    recipe = replace(RECIPE, epochs=1, batch=1, selection="released", judge_every=2)
    progress = run(learner, samples, tmp_path, recipe, judge)
    assert steps_when_judged == [3, 5]
    assert (progress.kept_epoch, progress.kept_score) == (1, 0.9)
    assert all(torch.equal(learner.learned_state()[name], states[0][name]) for name in states[0])
    assert not all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    saved = torch.load(tmp_path / "partial" / "state.pt", weights_only=True)
    assert all(torch.equal(saved["learner"][name], states[0][name]) for name in states[0])


def test_an_epoch_of_ucf_crime_is_judged_as_often_as_the_released_code_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That code judges where i * 128 % 1280 == 0 and i > 0: twelve times in 125 steps, the last after step 121."""
    steps, judged = [], []
    monkeypatch.setattr(loop, "train_step", lambda *_: steps.append(1) or {"total": torch.zeros(())})
    make_shard(tmp_path / "train-00000.h5", [Made(f"v{i}", ("A",) if i % 2 else ("B1",), 1) for i in range(250)])

    def judge(network: torch.nn.Module, text: torch.Tensor) -> float:
        judged.append(len(steps))
        return 0.5

    recipe = replace(RECIPE, epochs=2, batch=1, sampling="paired", selection="released", judge_every=10)
    with Split(tmp_path, "train") as split:
        samples = TrainingSamples(split.entries, LABELS.model_codes, SNIPPETS)
        run(new_baseline("deep_mil"), samples, tmp_path, recipe, judge)
    once = [i + 1 for i in range(125) if i * 128 % 1280 == 0 and i > 0]
    assert len(steps) == 250
    assert (len(once), once[-1]) == (12, 121)
    assert judged == [*once, *(125 + step for step in once)]


def test_an_epoch_too_short_to_be_judged_within_is_refused_before_its_first_step(
    samples: TrainingSamples, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, batch=2, selection="released", judge_every=3)
    with pytest.raises(InputError, match="judge_every: 3 judges first after step 4, but an epoch has 3 steps"):
        run(new_baseline("deep_mil"), samples, tmp_path, recipe, lambda network, text: 0.5)
    assert not (tmp_path / "partial").exists()


def test_a_run_killed_between_judgements_resumes_to_the_numbers_it_would_have_had(
    clip: open_clip.CLIP, samples: TrainingSamples, tmp_path: Path
) -> None:
    """Killed after a better score within the epoch, which must be found again."""
    recipe = replace(RECIPE, epochs=2, batch=2, selection="released", judge_every=1)
    first, second = [0.9, 0.3], [0.95, 0.1]

    def judge(scores: Iterator[float]) -> Judge:
        return lambda network, text: next(scores)

    def then_killed(scores: list[float]) -> Iterator[float]:
        yield from scores
        raise KeyboardInterrupt

    undisturbed, resumed = new_learner(clip), new_learner(clip, seed=99)
    whole = run(undisturbed, samples, tmp_path / "a", recipe, judge(iter(first + second)))
    with pytest.raises(KeyboardInterrupt):
        run(new_learner(clip), samples, tmp_path / "b", recipe, judge(then_killed([*first, second[0]])))
    progress = run(resumed, samples, tmp_path / "b", recipe, judge(iter(second)))
    assert (progress.kept_epoch, progress.kept_score) == (whole.kept_epoch, whole.kept_score) == (2, 0.95)
    assert_same_state(undisturbed, resumed)


def test_judging_within_an_epoch_belongs_to_released_selection() -> None:
    with pytest.raises(InputError, match="judge_every: 10 .*only selection 'released'.*is 'last'"):
        Recipe(judge_every=10)
    with pytest.raises(InputError, match="judge_every: -1 must be at least 0"):
        Recipe(judge_every=-1, selection="released")


def test_no_epoch_leaves_the_untrained_network(clip: open_clip.CLIP, samples: TrainingSamples, tmp_path: Path) -> None:
    learner, untouched = new_learner(clip), new_learner(clip)
    progress = run(learner, samples, tmp_path, Recipe(epochs=0, batch=4))
    assert progress.kept_epoch == 0
    assert_same_state(untouched, learner)


def test_a_student_feels_the_teacher_by_the_weight_of_distillation(
    clip: open_clip.CLIP, samples: TrainingSamples, tmp_path: Path
) -> None:
    teacher = new_learner(clip, "teacher").eval()
    with torch.no_grad():
        checkpoint = Checkpoint(header=None, network=teacher.network, text=teacher.prompt(), sha256="")  # type: ignore[arg-type]
    student = new_learner(clip, "student")
    batch = samples.batch(samples.pairs[:, 0])
    recipe = Recipe(distillation_weight=0.5, separation_weight=0.25)
    losses = step_losses(student, batch, recipe, checkpoint)
    expected = (
        losses["classification"] + losses["alignment"] + 0.25 * losses["text_separation"] + 0.5 * losses["distillation"]
    )
    torch.testing.assert_close(losses["total"], expected)
    losses["total"].backward()
    assert all(parameter.grad is None for parameter in teacher.network.parameters())


@pytest.mark.parametrize(("stream", "where"), [("visual", "crop 0"), ("audio", "audio")])
def test_a_feature_that_is_not_finite_is_named_by_shard_and_video_and_not_learned(
    tmp_path: Path, stream: str, where: str
) -> None:
    path = make_shard(tmp_path / "train-00000.h5", VIDEOS)
    with h5py.File(path, "r+") as file:
        file[stream][14] = math.inf
    with Split(tmp_path, "train") as split:
        samples = TrainingSamples(split.entries, LABELS.model_codes, SNIPPETS)
        with pytest.raises(InputError, match=rf"train-00000\.h5: 'v2', {where}: row 2 is not finite"):
            samples.batch(np.arange(len(samples.pairs)))


def test_shards_without_a_video_train_nothing(tmp_path: Path) -> None:
    make_shard(tmp_path / "train-00000.h5", [])
    with Split(tmp_path, "train") as split, pytest.raises(InputError, match="hold no video to learn from"):
        TrainingSamples(split.entries, LABELS.model_codes, SNIPPETS)


def broken_in_epoch(number: int, learner: Learner | BaselineLearner) -> Judge:
    """Judge every epoch better than the one before, and spoil a parameter after epoch ``number``."""
    calls = []

    def judge(network: torch.nn.Module, text: torch.Tensor) -> float:
        calls.append(network)
        score = float(len(calls))
        if len(calls) == number:
            next(iter(learner.network.parameters())).fill_(math.nan)
            return 0.0
        return score

    return judge


@pytest.mark.parametrize("model", ["teacher", "rtfm", "ur_dmu", "hl_net", "macil_sd", "deep_mil"])
def test_a_loss_that_is_not_finite_ends_the_run_by_method_epoch_and_step_and_the_last_good_epoch_stays(
    clip: open_clip.CLIP, samples: TrainingSamples, tmp_path: Path, model: str
) -> None:
    learner = new_learner(clip, model) if model == "teacher" else new_baseline(model)
    paired = model in ("rtfm", "ur_dmu", "deep_mil")
    sampling, batch = ("paired", 3) if paired else ("shuffled", 6)
    recipe = replace(RECIPE, epochs=4, batch=batch, selection="validation", sampling=sampling)
    with pytest.raises(DivergedError, match=r"^test: epoch 3, step 1 of 1: the loss \w+ is (nan|inf)") as ended:
        run(learner, samples, tmp_path, recipe, broken_in_epoch(2, learner))
    progress = ended.value.progress
    assert (progress.epoch, progress.kept_epoch) == (2, 1)
    assert all(torch.isfinite(tensor).all() for tensor in learner.learned_state().values())
    assert str(ended.value).isprintable()


@pytest.mark.parametrize("selection", ["last", "validation"])
def test_a_parameter_that_the_last_step_of_an_epoch_spoiled_is_neither_judged_nor_kept(
    samples: TrainingSamples, tmp_path: Path, selection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = new_baseline("macil_sd")

    def spoil() -> None:
        with torch.no_grad():
            learner.network.classifier.bias.fill_(math.inf)

    monkeypatch.setattr(learner.network, "end_epoch", spoil)
    judge = (lambda network, text: 1.0) if selection == "validation" else None
    with pytest.raises(
        DivergedError, match=r"test: epoch 1, step 2 of 2: the parameter network.classifier.bias is not"
    ):
        run(learner, samples, tmp_path, replace(MIXED, selection=selection), judge)
    assert not (tmp_path / "partial" / "state.pt").exists()


def test_a_score_that_is_no_number_selects_nothing(samples: TrainingSamples, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the score that is to select the weights is nan"):
        run(new_baseline("hl_net"), samples, tmp_path, RECIPE, lambda network, text: math.nan)


def test_an_epoch_without_a_step_is_no_training(samples: TrainingSamples, tmp_path: Path) -> None:
    samples.pairs = samples.pairs[:0]
    with pytest.raises(InputError, match="test: an epoch has no step, .* 6 videos with 0 crops in all"):
        run(new_baseline("hl_net"), samples, tmp_path, RECIPE)
    assert not (tmp_path / "partial" / "state.pt").exists()


def test_probabilities_that_are_numbers_have_torch_s_own_loss_and_gradient_to_the_bit() -> None:
    generator = torch.Generator().manual_seed(0)
    probability = torch.rand(100, generator=generator)
    probability[:2] = torch.tensor([0.0, 1.0])
    target = torch.rand(100, generator=generator).round()
    ours, theirs = probability.clone().requires_grad_(), probability.clone().requires_grad_()
    loss, expected = probability_loss(ours, target), torch.nn.functional.binary_cross_entropy(theirs, target)
    loss.backward()
    expected.backward()
    assert torch.equal(loss, expected)
    assert torch.equal(ours.grad, theirs.grad)
