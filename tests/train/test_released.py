"""The command that converts the authors' checkpoints."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from extract.base.errors import InputError
from extract.check import check
from extract.shard import RELEASED_AUDIO, RELEASED_VISUAL
from tests.train.conftest import released_tensors
from train.checkpoint import TrainedOn, read_header
from train.released import main, read_released
from train.released_names import IMAGE_TOWER


@pytest.fixture(scope="module")
def bare() -> dict[str, Tensor]:
    """The student, stored without CLIP."""
    return {name: tensor for name, tensor in released_tensors("student").items() if not name.startswith("clipmodel.")}


def convert(state: object, folder: Path, *words: str) -> Path:
    torch.save(state, folder / "model.pth")
    main([str(folder / "model.pth"), "--out", str(folder / "model.safetensors"), *words])
    return folder / "model.safetensors"


def refusal(state: object, folder: Path, *words: str) -> str:
    with pytest.raises(InputError) as refused:
        convert(state, folder, *words)
    assert not (folder / "model.safetensors").exists()
    assert "model.pth" in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("model", "kind", "dataset", "classes", "crop"),
    [
        ("teacher", "teacher", "xd", 7, 5),
        ("student", "student", "xd", 7, 5),
        ("vadclip_xd", "vadclip", "xd", 7, 0),
        ("vadclip_ucf", "vadclip", "ucf", 14, 5),
    ],
)
def test_each_released_model_is_recognised_and_says_what_it_is(
    imported: Callable[[str], Path], model: str, kind: str, dataset: str, classes: int, crop: int
) -> None:
    path = imported(model)
    header = read_header(path)
    assert (header.architecture.model, header.dataset, len(header.classes)) == (kind, dataset, classes)
    assert (header.scoring_crop, header.epoch, header.recipe.selection) == (crop, -1, "released")
    assert header.trained_on == TrainedOn(
        16, tuple(range(10)), RELEASED_VISUAL, RELEASED_AUDIO if kind == "teacher" else None, ""
    )
    sha256 = header.text_weights.removeprefix("released:")
    assert len(sha256) == 64
    assert header.note == f"released checkpoint {sha256[:12]}"
    assert ("focal.alpha" in load_file(path)) == (kind != "vadclip")
    assert check(path) == ("checkpoint", [])


@pytest.mark.parametrize(
    ("model", "batch", "rate", "milestones", "separation", "branch", "measure"),
    [
        ("teacher", 96, 1e-5, (3, 6, 10), 1e-4, "alignment", "ap"),
        ("vadclip_ucf", 64, 2e-5, (4, 8), 1e-1, "classification", "auc"),
    ],
)
def test_an_imported_checkpoint_carries_the_published_recipe(
    imported: Callable[[str], Path],
    model: str,
    batch: int,
    rate: float,
    milestones: tuple[int, ...],
    separation: float,
    branch: str,
    measure: str,
) -> None:
    recipe = read_header(imported(model)).recipe
    assert (recipe.epochs, recipe.batch, recipe.learning_rate, recipe.milestones) == (10, batch, rate, milestones)
    assert (recipe.separation_weight, recipe.branch, recipe.measure, recipe.seed) == (separation, branch, measure, 234)
    ucf = model == "vadclip_ucf"
    assert (recipe.sampling, recipe.judge_every) == (("paired", 10) if ucf else ("shuffled", 0))


def test_cctv_s_models_have_its_stride_and_seed(tmp_path: Path, bare: dict[str, Tensor]) -> None:
    words = ("--dataset", "cctv", "--scoring-crop", "0", "--text-weights", "random:3", "--note", "shared by a friend")
    header = read_header(convert(bare, tmp_path, *words))
    assert (header.dataset, header.trained_on.stride, header.recipe.seed, header.scoring_crop) == ("cctv", 4, 214, 0)
    assert header.recipe.distillation_weight == 1e-7
    assert len(header.classes) == 7
    assert header.text_weights == "random:3"
    assert header.note.endswith("; shared by a friend")
    assert (header.recipe.epochs, header.recipe.branch) == (10, "classification")
    assert (header.scoring_window, header.scoring_classes) == (0, ("A", "B1"))


def test_cctv_s_teacher_says_how_its_released_code_trains_and_tests_it(tmp_path: Path) -> None:
    """One epoch, judged by the alignment branch; tested with window 64 and two prompts, trained with 4 and seven."""
    state = {name: value for name, value in released_tensors("teacher").items() if not name.startswith("clipmodel.")}
    words = ("--dataset", "cctv", "--text-weights", "random:3")
    header = read_header(convert(state, tmp_path, *words))
    assert (header.recipe.epochs, header.recipe.branch, header.recipe.selection) == (1, "alignment", "released")
    assert (header.architecture.window, header.scoring_window) == (4, 64)
    assert (len(header.classes), header.scoring_classes) == (7, ("A", "B1"))
    assert "whether Table 3 was made so is unknown" in header.note
    header = read_header(convert(state, tmp_path, *words, "--scoring-window", "0", "--scoring-classes", "trained"))
    assert (header.scoring_window, header.scoring_classes) == (0, ())


def test_half_precision_is_widened_and_the_image_tower_left_out(tmp_path: Path) -> None:
    half = torch.tensor([0.1, 2.0]).half()
    state = {"clipmodel.ln_final.bias": half, f"{IMAGE_TOWER}proj": torch.full((2, 2), torch.nan), "alpha": half}
    torch.save(state, tmp_path / "model.pth")
    read = read_released(tmp_path / "model.pth")
    assert read.keys() == {"clipmodel.ln_final.bias", "alpha"}
    assert all(torch.equal(value, half.float()) and value.dtype == torch.float32 for value in read.values())


def test_a_checkpoint_stored_without_clip_needs_its_weights(tmp_path: Path, bare: dict[str, Tensor]) -> None:
    assert "give CLIP's weights with --text-weights" in refusal(bare, tmp_path)


def test_a_checkpoint_with_clip_takes_no_other_weights(tmp_path: Path, bare: dict[str, Tensor]) -> None:
    with_clip = bare | {"clipmodel.ln_final.bias": torch.zeros(512)}
    assert "holds CLIP itself" in refusal(with_clip, tmp_path, "--text-weights", "random:0")
    assert "parameter clipmodel.positional_embedding is missing" in refusal(with_clip, tmp_path)


def test_other_state_dicts_are_refused_by_their_first_wrong_parameter(tmp_path: Path, bare: dict[str, Tensor]) -> None:
    without = {name: tensor for name, tensor in bare.items() if name != "mlp2.c_fc.bias"}
    assert "parameter mlp2.c_fc.bias is missing" in refusal(without, tmp_path)
    assert "unknown parameter head.weight" in refusal(bare | {"head.weight": torch.zeros(2)}, tmp_path)
    assert "alpha has shape [14], not [7]" in refusal(bare | {"alpha": torch.zeros(14)}, tmp_path)
    assert "is missing" in refusal({"conv.weight": torch.zeros(3)}, tmp_path)


@pytest.mark.parametrize(
    "broken",
    [
        torch.tensor([0.0, float("nan")]),
        torch.tensor([float("-inf")]),
        torch.tensor([1, 2]),
        torch.zeros(2, device="meta"),
    ],
    ids=["nan", "infinity", "integers", "empty"],
)
def test_a_parameter_without_finite_numbers_is_named(tmp_path: Path, bare: dict[str, Tensor], broken: Tensor) -> None:
    assert "parameter mlp2.c_fc.bias does not hold finite" in refusal(bare | {"mlp2.c_fc.bias": broken}, tmp_path)


def test_a_sparse_parameter_is_named(tmp_path: Path, bare: dict[str, Tensor]) -> None:
    sparse = bare | {"mlp2.c_fc.bias": torch.eye(2).to_sparse()}
    assert "tensor mlp2.c_fc.bias is sparse" in refusal(sparse, tmp_path)


def test_a_model_is_refused_for_a_data_set_it_was_not_published_for(tmp_path: Path, bare: dict[str, Tensor]) -> None:
    assert "is a student, which was published for xd, cctv" in refusal(bare, tmp_path, "--dataset", "ucf")


@pytest.mark.parametrize("state", [{"model_state_dict": {}, "epoch": 3}, [torch.zeros(2)], {0: torch.zeros(2)}])
def test_anything_but_tensors_by_name_is_refused(tmp_path: Path, state: object) -> None:
    assert "tensors by name" in refusal(state, tmp_path)


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_nothing_but_tensors_is_unpickled(tmp_path: Path) -> None:
    assert "plain state dict" in refusal({"alpha": Trap(tmp_path / "sprung")}, tmp_path)
    (tmp_path / "model.pth").write_bytes(pickle.dumps({"alpha": Trap(tmp_path / "sprung")}))
    with pytest.raises(InputError, match=r"model\.pth"):
        main([str(tmp_path / "model.pth"), "--out", str(tmp_path / "out.safetensors")])
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"text\n", b"\x89HDF\r\n\x1a\n" + bytes(64), b"PK\x03\x04" + bytes(20)])
def test_other_and_broken_files_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"model\.pth"):
        main([str(tmp_path / "model.pth"), "--out", str(tmp_path / "out.safetensors")])


def test_a_truncated_file_is_refused_by_name(tmp_path: Path) -> None:
    torch.save({"alpha": torch.zeros(4096)}, tmp_path / "model.pth")
    content = (tmp_path / "model.pth").read_bytes()
    (tmp_path / "model.pth").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"model\.pth"):
        main([str(tmp_path / "model.pth"), "--out", str(tmp_path / "out.safetensors")])
