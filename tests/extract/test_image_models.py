"""Encoders by name: what is known of them before they are made, and what of their weights is refused."""

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch

from extract.base.errors import InputError
from extract.encoders.clip import ClipImageEncoder, load_clip, picture_rule
from extract.encoders.preprocessing import PREPROCESSING, Pictures, crop_frames
from extract.encoders.weights import load_strictly
from extract.image_models import ENCODER, find_model
from extract.workfile import WorkFile
from tests.extract.made_videos import write_numbered
from tests.extract.steps import catalog_of, run_visual

SMALL = "ViT-S-32"


def test_every_model_that_open_clip_lists_is_known_or_refused_with_a_reason() -> None:
    refused = {}
    for name in open_clip.list_models():
        try:
            found = find_model(name)
        except InputError as error:
            refused[name] = str(error)
        else:
            described = open_clip.get_model_config(name)
            assert (found.width, found.side) == (described["embed_dim"], described["vision_cfg"]["image_size"])
    assert len(refused) == 13
    assert all("is a captioner" in why or "of the package transformers" in why for why in refused.values())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ViT-B16", r"encoder 'ViT-B16': open_clip has no model of this name; nearest are ViT-B-16,"),
        ("MobileClip-S1", "nearest are MobileCLIP-S1"),
        ("../ViT-B-16", "open_clip has no model of this name"),
        ("I3D", r"open_clip has no model of this name$"),
        ("coca_ViT-B-32", "is a captioner"),
        ("roberta-ViT-B-32", "its text tower is roberta-base of the package transformers"),
    ],
)
def test_a_name_that_cannot_be_used_says_why(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_model(name)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (ENCODER, Pictures(224, (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))),
        ("MobileCLIP-S1", Pictures(256, (0, 0, 0), (1, 1, 1))),
        ("ViT-B-16-SigLIP", Pictures(224, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))),
        ("ViT-L-14-336", Pictures(336)),
        ("ViT-L-14/laion2b_s32b_b82k", Pictures(224, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))),
        ("ViT-L-14", Pictures(224)),
    ],
)
def test_pictures_are_those_that_open_clip_says(name: str, rule: Pictures) -> None:
    assert picture_rule(name, "random:0") == rule


def test_trained_weights_that_may_want_one_of_two_normalisations_have_to_be_named(tmp_path: Path) -> None:
    two_ways = "normalised in 2 ways; name the weights too, for example ViT-L-14/.* or ViT-L-14/laion2b_s32b_b82k"
    with pytest.raises(InputError, match=two_ways):
        picture_rule("ViT-L-14", str(tmp_path / "weights.pt"))
    assert picture_rule("ViT-L-14/openai", str(tmp_path / "weights.pt")) == Pictures(224)
    with pytest.raises(InputError, match="open_clip knows no such weights, only .*openai"):
        picture_rule("ViT-L-14/mine", "random:0")


def test_the_rule_is_scaled_and_the_usual_one_is_named_as_ever() -> None:
    assert Pictures().words == PREPROCESSING == "resize 340x256 bilinear no-antialias; crop 224; clip mean/std"
    wide = Pictures(256, (0.0,) * 3, (1.0,) * 3)
    assert wide.words == "resize 389x293 bilinear no-antialias; crop 256; mean 0 0 0 std 1 1 1"
    # Where nothing is resized a crop is a part of the picture.
    picture = torch.randint(0, 256, (1, 293, 389, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    corners = [(18, 66), (0, 0), (0, 133), (37, 0), (37, 133)]
    parts = [picture[0, top : top + 256, left : left + 256].permute(2, 0, 1) / 255 for top, left in corners]
    expected = torch.stack([*parts, *(part.flip(-1) for part in parts)])
    torch.testing.assert_close(crop_frames(picture, range(10), wide)[0], expected, rtol=0, atol=1e-4)


def test_a_video_becomes_rows_of_the_width_of_its_encoder(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path / "c", [write_numbered(tmp_path / "a.mp4", 12)])
    with WorkFile(run_visual(catalog, "--encoder", SMALL), "visual") as work:
        rows = work.rows("visual", "a")
        assert rows.shape == (3, 2, 384)
        assert np.isfinite(rows).all()
        assert len(np.unique(rows[:, 1], axis=0)) == 3
        assert (work.attributes["encoder"], work.attributes["preprocessing"]) == (SMALL, PREPROCESSING)


def test_weights_of_another_model_are_refused_by_name_and_wrapped_ones_are_read(tmp_path: Path) -> None:
    model, _ = load_clip("random:3", SMALL)
    wrapped = {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in model.state_dict().items()}}
    torch.save(wrapped, tmp_path / "small.pt")
    loaded, _ = load_clip(str(tmp_path / "small.pt"), SMALL)
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())
    with pytest.raises(InputError, match=r"small\.pt: do not fit ViT-M-32: .*"):
        load_clip(str(tmp_path / "small.pt"), "ViT-M-32")


def test_an_unfit_tensor_names_the_model() -> None:
    with pytest.raises(InputError, match=r"weights x\.pt: do not fit ViT-S-32: .*weight"):
        load_strictly(torch.nn.Linear(2, 2), {"weight": torch.zeros(3, 2)}, "x.pt", SMALL)


def test_what_convolves_is_not_computed_in_bf16_on_a_processor() -> None:
    convolving = {name: not find_model(name).is_transformer for name in (ENCODER, "MobileCLIP-S2", "RN50", "ViTamin-S")}
    assert convolving == {ENCODER: False, "MobileCLIP-S2": True, "RN50": True, "ViTamin-S": True}
    with pytest.raises(InputError, match="bf16 is not for MobileCLIP-S1 on a CPU"):
        ClipImageEncoder(
            torch.nn.Module(), batch=1, precision="bf16", device=torch.device("cpu"), encoder="MobileCLIP-S1"
        )


def test_calibration_is_for_open_clips_own_transformers() -> None:
    with pytest.raises(InputError, match="calibration is for open_clip's own ViTs, not for MobileCLIP-S1"):
        load_clip("random:0:calibrated", "MobileCLIP-S1")
