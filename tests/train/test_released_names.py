from typing import Any

import pytest
import torch
from torch import Tensor

from extract.base.errors import InputError
from tests.train.conftest import released_tensors
from train.model.avadclip import AudioVisualTeacher, VideoStudent
from train.model.losses import FocalAlignmentLoss
from train.model.vadclip import VadCLIP
from train.released_names import load_clip_weights, match_released

FOCAL = FocalAlignmentLoss(7)


@pytest.fixture(scope="module")
def student() -> dict[str, Tensor]:
    return {name: tensor for name, tensor in released_tensors("student").items() if not name.startswith("clipmodel.")}


@pytest.fixture(scope="module")
def teacher() -> dict[str, Tensor]:
    return {name: tensor for name, tensor in released_tensors("teacher").items() if not name.startswith("clipmodel.")}


def test_every_parameter_of_the_network_is_filled_from_the_checkpoint(student: dict[str, Tensor]) -> None:
    network = VideoStudent()
    weights = match_released(student, network, FOCAL, "student.pth")
    network.load_state_dict(weights.network)
    assert torch.equal(network.temporal.position_embedding, student["frame_position_embeddings.weight"])
    assert torch.equal(network.enhancement.blocks[2].get_parameter("bias"), student["fe_net.conv.2.conv.0.bias"])
    assert torch.equal(weights.context, student["text_prompt_embeddings.weight"])
    assert weights.alignment == {"alpha": student["alpha"]}
    assert weights.clip == {}


def test_an_unknown_parameter_is_refused_by_name(student: dict[str, Tensor]) -> None:
    with pytest.raises(InputError, match=r"^student\.pth: unknown parameter gc5\.weight;"):
        match_released(student | {"gc5.weight": torch.zeros(2)}, VideoStudent(), FOCAL, "student.pth")


def test_a_missing_parameter_is_refused_by_its_released_name(student: dict[str, Tensor]) -> None:
    without = {name: tensor for name, tensor in student.items() if name != "gc3.residual.bias"}
    with pytest.raises(InputError, match=r"^student\.pth: parameter gc3\.residual\.bias is missing$"):
        match_released(without, VideoStudent(), FOCAL, "student.pth")


def test_a_checkpoint_without_its_learned_context_is_refused(student: dict[str, Tensor]) -> None:
    without = {name: tensor for name, tensor in student.items() if name != "text_prompt_embeddings.weight"}
    with pytest.raises(InputError, match=r"parameter text_prompt_embeddings\.weight is missing"):
        match_released(without, VideoStudent(), FOCAL, "student.pth")


def test_a_parameter_of_another_shape_is_refused_with_both_shapes(student: dict[str, Tensor]) -> None:
    with pytest.raises(InputError, match=r"frame_position_embeddings\.weight has shape \[256, 512\], not \[64, 512\]"):
        match_released(student, VideoStudent(max_snippets=64), FOCAL, "student.pth")


def test_the_tcns_second_names_may_be_there_or_not(teacher: dict[str, Tensor]) -> None:
    once = {name: tensor for name, tensor in teacher.items() if ".net." not in name}
    assert len(once) == len(teacher) - 18
    network = AudioVisualTeacher()
    from_once, from_both = (match_released(state, network, FOCAL, "teacher.pth").network for state in (once, teacher))
    assert from_once.keys() == from_both.keys() == network.state_dict().keys()


def test_a_students_checkpoint_is_no_vadclip_and_no_student_of_one_block(student: dict[str, Tensor]) -> None:
    with pytest.raises(InputError, match=r"unknown parameter fe_net\.conv\.0\.conv\.0\.weight; VadCLIP"):
        match_released(student, VadCLIP(), FOCAL, "student.pth")
    with pytest.raises(InputError, match=r"unknown parameter fe_net\.conv\.1\.conv\.0\.weight; VideoStudent"):
        match_released(student, VideoStudent(enhancement_blocks=1), FOCAL, "student.pth")


def test_clip_weights_without_the_image_tower_leave_the_image_tower_alone(clip: Any) -> None:
    before = clip.visual.proj.clone()
    text = {name: tensor for name, tensor in clip.state_dict().items() if not name.startswith("visual.")}
    load_clip_weights(clip, text, "student.pth")
    assert torch.equal(clip.visual.proj, before)


def test_clip_weights_with_a_gap_in_the_text_side_are_refused(clip: Any) -> None:
    text = {name: tensor for name, tensor in clip.state_dict().items() if not name.startswith("visual.")}
    del text["ln_final.bias"]
    with pytest.raises(InputError, match=r"^student\.pth: parameter clipmodel\.ln_final\.bias is missing$"):
        load_clip_weights(clip, text, "student.pth")
    with pytest.raises(InputError, match=r"unknown parameter clipmodel\.other"):
        load_clip_weights(clip, dict(clip.state_dict()) | {"other": torch.zeros(1)}, "student.pth")
