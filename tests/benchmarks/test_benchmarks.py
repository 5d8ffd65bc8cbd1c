"""What the benchmarks make of what they measured; the measuring itself is `make bench`."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

from benchmarks import gpu, measurements, methods, startup
from benchmarks.estimate import Rates, Set, estimate, main
from benchmarks.measurements import Measurement, fastest, publish
from benchmarks.scale import growth
from config.reading import read
from extract.base.errors import InputError
from tests.shards import Made, make_shard
from train.settings import Recipe

RATES = Rates(
    frames=500.0,
    cores=10,
    gpu_gflops=351_000.0,
    encoder_share=0.5,
    training_share=0.1,
    gflop_a_sample=35.1,
    evaluation_seconds=36.0,
)
# 1,000 hours at 25 frames a second: 90 million frames, and at stride 25 with 5 crops 18 million images.
DATA = Set(hours=1000.0, fps=25.0, stride=25, crops=5, train_videos=720, megabits=8.0)


def estimated() -> dict[str, Measurement]:
    return {one.name: one for one in estimate(DATA, RATES, epochs=10)}


def test_the_plan_of_table_1_needs_no_videos() -> None:
    assert startup.time_plan() > 0


def test_an_estimate_by_hand() -> None:
    found = estimated()
    assert found["XD-Violence, 1 GPUs: decoding"].value == pytest.approx(90e6 / 5000 / 3600)  # 5 h
    assert found["XD-Violence, 1 GPUs: embedding"].value == pytest.approx(18e6 / 5000 / 3600)  # 1 h
    assert found["XD-Violence, 1 GPUs: embedding"].how == "decoding decides"
    # 3,600 GB in five hours.
    assert found["XD-Violence, 1 GPUs: reading"].value == pytest.approx(0.2)
    assert found["XD-Violence: training"].value == pytest.approx(720 * 5 * 10 / 1000 / 3600)
    assert found["XD-Violence: metrics"].value == pytest.approx(0.01)


def test_more_gpus_share_extraction_and_a_larger_set_multiplies_it() -> None:
    found = estimated()
    one = found["XD-Violence, 1 GPUs: decoding"].value
    assert found["XD-Violence, 64 GPUs: decoding"].value == pytest.approx(one / 64)
    assert found["100 times as large, 8 GPUs: decoding"].value == pytest.approx(100 * one / 8)
    assert found["XD-Violence, 64 GPUs: reading"].value == pytest.approx(0.2 * 64)


def test_an_estimate_without_its_measurements_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"training\.json: is not there; run `make bench` first"):
        main(["--bench", str(tmp_path), "--out", str(tmp_path / "out.json")])


@pytest.mark.parametrize("power", [1.0, 1.5])
def test_the_exponent_is_that_of_the_growth_beyond_the_start(power: float) -> None:
    exponent, start, *sizes = growth("x", "videos", (8, 16, 32), lambda size: 5.0 + 0.1 * size**power, start=5.0)
    assert exponent.value == pytest.approx(power)
    assert start.value == 5.0
    assert [one.value for one in sizes] == pytest.approx([0.1 * size**power for size in (8, 16, 32)])


def test_a_target_is_printed_with_its_verdict_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measurements = [
        Measurement("quick", 1.0, "s", at_most=2.0),
        Measurement("slow", 3.0, "s", at_most=2.0),
        Measurement("rate", 3.0, "/s", at_least=3.0),
        Measurement("free", 3.0, ""),
    ]
    publish("example", measurements, tmp_path / "out.json", {"threads": 2})
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [one["holds"] for one in written["measurements"]] == [True, False, True, None]
    assert written["settings"] == {"threads": "2"}
    verdicts = ["MISSED" in line for line in capsys.readouterr().out.splitlines()[1:]]
    assert verdicts == [False, True, False, False]


@pytest.mark.parametrize(
    ("seconds", "patience", "least", "runs"),
    [
        ([1.0, 3.0, 2.0], 60.0, 2.0, 3),  # the first does not count where others follow
        ([4.0, 1.0, 1.0], 3.0, 4.0, 1),  # it does where it took too long for others
        ([1.0, 3.0, 2.0], 3.0, 3.0, 2),
    ],
)
def test_the_fastest_time_is_of_as_many_runs_as_patience_allows(
    monkeypatch: pytest.MonkeyPatch, seconds: list[float], patience: float, least: float, runs: int
) -> None:
    clock = [0.0]
    monkeypatch.setattr(
        measurements, "time", SimpleNamespace(perf_counter=lambda: clock[0], process_time=lambda: clock[0] / 2)
    )
    left = list(seconds)

    def work() -> None:
        clock[0] += left.pop(0)

    assert fastest(work, 2, patience) == (least, least / 2)
    assert len(seconds) - len(left) == runs


@pytest.mark.parametrize(("error", "ends"), [(2e-4, True), (5e-5, False)])
def test_a_gpu_with_other_numbers_ends_the_check_by_their_names_after_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: float, ends: bool
) -> None:
    found = Measurement("teacher's gradients", error, "relative", at_most=gpu.MOST_RELATIVE)
    monkeypatch.setattr(gpu, "_same_numbers", lambda device, count: [found])
    monkeypatch.setattr(gpu, "_speed", lambda device, arguments: [])
    context = pytest.raises(SystemExit, match="not the processor's: teacher's gradients") if ends else nullcontext()
    with context:
        gpu.main(["--device", "cpu", "--out", str(tmp_path / "gpu.json")])
    assert json.loads((tmp_path / "gpu.json").read_text())["measurements"][0]["holds"] is not ends


def test_features_that_differ_are_told_by_the_norm_of_the_difference() -> None:
    assert gpu._relative(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 4.5])) == pytest.approx(0.1)


def test_a_paired_epoch_ends_with_the_shorter_list_and_a_shuffled_one_takes_every_crop_once() -> None:
    found = {"teacher": methods.Cost(2.0, 100, 3.0), "rtfm": methods.Cost(1.0, 10, 4.0)}
    teacher, memory, rtfm, more = methods.compare(found, {"teacher": "shuffled", "rtfm": "paired"})
    assert teacher.value == pytest.approx(2.0 * 39_540 / 100 / 60)
    assert rtfm.value == pytest.approx(1.0 * 2 * 19_050 / 10 / 60)
    assert (memory.holds, rtfm.holds, more.holds) == (None, False, False)


def test_every_row_of_table_1_that_is_trained_is_measured_once_and_no_ablation() -> None:
    path = Path("config/config.yaml")
    configuration = read(yaml.safe_load(path.read_text()), str(path))
    chosen = methods.methods_of(configuration, [])
    assert {"teacher", "student", "vadclip", "rtfm", "dsanet"} <= chosen.keys()
    assert all(min(model.rows) <= 3 for model in chosen.values())
    assert {methods.recipe_of(model).precision for model in chosen.values()} == {"fp32"}
    assert methods.recipe_of(chosen["teacher"]).milestones == (3, 6, 10)
    assert methods.methods_of(configuration, ["rtfm"]).keys() == {"rtfm", "teacher"}
    with pytest.raises(InputError, match="--only: 'nobody' is none of"):
        methods.methods_of(configuration, ["nobody"])


def test_a_method_takes_its_steps_on_the_shards(tmp_path: Path) -> None:
    make_shard(tmp_path / "train-00000.h5", [Made(f"v{i}", ("A",) if i % 2 else ("B1",), 6) for i in range(4)])
    recipe = Recipe(batch=2, sampling="paired", optimiser="adam")
    cost = methods.measure({"model": "deep_mil", "max_snippets": 8}, recipe, tmp_path, 1, 1)
    assert cost.samples == 4
    assert cost.seconds > 0
