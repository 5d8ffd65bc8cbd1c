import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from extract.base.errors import InputError
from extract.check import check
from extract.datasets import DATA_SETS
from extract.labels.label_set import one_word_each
from extract.shard import RELEASED_VISUAL, ShardHeader
from tests.shards import AUDIO, VISUAL
from train.checkpoint import Header, TrainedOn, load_checkpoint, load_for_scoring, read_header, save_checkpoint
from train.compatibility import mismatches, precision_differences, remedy, unreadable
from train.networks import build_network
from train.settings import Architecture, Recipe

LABELS = DATA_SETS["xd"]
CPU = torch.device("cpu")
STREAMS = ("visual", "audio")
HEADER = Header(
    architecture=Architecture("teacher", layers=1, window=4, max_snippets=8),
    dataset="xd",
    classes=LABELS.model_codes,
    prompts=LABELS.prompts,
    recipe=Recipe(epochs=3, milestones=(2,), selection="validation", seed=7),
    epoch=2,
    trained_on=TrainedOn(16, (0, 5), VISUAL, AUDIO, "generated"),
    text_weights="random:0",
    scoring_crop=5,
    note="demo recipe",
)


def tensors(header: Header) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    state = build_network(header.architecture).state_dict()
    return {f"network.{name}": value for name, value in state.items()} | {"text": torch.randn(7, 512)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "teacher.safetensors", HEADER, tensors(HEADER))
    return tmp_path / "teacher.safetensors"


def test_a_checkpoint_comes_back_as_it_was_written(path: Path) -> None:
    checkpoint = load_checkpoint(path, CPU)
    assert checkpoint.header == HEADER
    expected = tensors(HEADER)
    assert torch.equal(checkpoint.text, expected["text"])
    for name, value in checkpoint.network.state_dict().items():
        assert torch.equal(value, expected[f"network.{name}"])
    assert not checkpoint.network.training


def test_a_checkpoint_names_its_classes_and_one_written_before_has_those_of_its_data_set(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        written = json.loads(file.metadata()["header"])
    assert written["labels"]["codes"] == list(LABELS.codes)
    assert written["labels"]["prompts"] == list(LABELS.prompts)
    rewrite(path, {"labels": None})
    assert load_checkpoint(path, CPU).header == HEADER


def test_a_checkpoint_can_be_read_alone_whatever_its_classes(tmp_path: Path) -> None:
    """A method that tells no classes has none in its columns, and names them all the same."""
    labels = one_word_each("own", {"normal": "normal", "Sturz": "ein Mensch stürzt"})
    header = replace(HEADER, architecture=Architecture("rtfm"), dataset="own", labels=labels, classes=(), prompts=())
    stored = {f"network.{name}": value for name, value in build_network(header.architecture).state_dict().items()}
    save_checkpoint(tmp_path / "rtfm", header, stored | {"text": torch.zeros(0, 512)})
    assert load_checkpoint(tmp_path / "rtfm", CPU).header.label_set(tmp_path / "rtfm") == labels
    assert check(tmp_path / "rtfm") == ("checkpoint", [])


@pytest.mark.parametrize(
    "labels",
    [[], {"codes": ["A"]}, {"codes": ["A", "B1"], "model_codes": ["A", "B1"], "prompts": ["normal", "Normal"]}],
)
def test_classes_of_a_checkpoint_that_do_not_fit_together_are_refused(path: Path, labels: object) -> None:
    rewrite(path, {"labels": labels})
    with pytest.raises(InputError, match=r"teacher\.safetensors: header: "):
        load_checkpoint(path, CPU)
    assert any("header: labels: " in problem for problem in check(path)[1])


def test_scoring_reads_the_window_and_the_prompts_of_its_own_and_a_student_those_of_the_training(
    tmp_path: Path,
) -> None:
    header = replace(HEADER, scoring_window=8, scoring_classes=("A", "B1"))
    path = tmp_path / "teacher.safetensors"
    save_checkpoint(path, header, tensors(header))
    visual, audio, length = torch.randn(2, 8, 512), torch.randn(2, 8, 512), torch.tensor([8, 5])
    stored = tensors(header)
    outputs = {}
    for window, prompts in ((8, 2), (4, 7)):
        network = build_network(replace(header.architecture, window=window)).eval()
        network.load_state_dict({name: stored[f"network.{name}"] for name in network.state_dict()})
        outputs[window] = network(visual, audio, length, stored["text"][:prompts])
    scoring, trained = load_for_scoring(path, CPU), load_checkpoint(path, CPU)
    assert scoring.header == trained.header == header
    assert (scoring.header.scored_classes, trained.header.classes) == (("A", "B1"), LABELS.model_codes)
    for window, checkpoint in ((8, scoring), (4, trained)):
        found = checkpoint.network(visual, audio, length, checkpoint.text)
        torch.testing.assert_close(found.anomaly_logits, outputs[window].anomaly_logits)
        torch.testing.assert_close(found.class_logits, outputs[window].class_logits)
    assert not torch.allclose(outputs[4].anomaly_logits, outputs[8].anomaly_logits, atol=1e-3)


def test_without_a_word_scoring_reads_what_was_trained_with(path: Path) -> None:
    scoring, trained = load_for_scoring(path, CPU), load_checkpoint(path, CPU)
    assert scoring.header.scored_classes == LABELS.model_codes
    assert torch.equal(scoring.text, trained.text)
    assert scoring.network.temporal.window == trained.network.temporal.window == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scoring_window": 3}, r"scoring_window: 3 must divide max_snippets \(8\)"),
        ({"scoring_window": 16}, "scoring_window: 16 is not for a teacher of 8 snippets"),
        ({"scoring_classes": ["A", "B3"]}, "scoring_classes: A, B3 must be some of A, B1"),
        ({"scoring_classes": ["B1", "A"]}, "scoring_classes: B1, A must be some of A, B1, .*the normal class first"),
    ],
)
def test_a_way_of_scoring_that_does_not_fit_is_named(path: Path, change: dict[str, object], message: str) -> None:
    rewrite(path, change)
    with pytest.raises(InputError, match=rf"teacher\.safetensors: header: {message}"):
        read_header(path)


def test_the_same_checkpoint_is_the_same_bytes(path: Path) -> None:
    first = path.read_bytes()
    for _ in range(6):
        save_checkpoint(path, HEADER, tensors(HEADER))
        assert path.read_bytes() == first


def rewrite(path: Path, change: dict[str, object] | None = None, drop: str = "", add: str = "") -> None:
    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata())
    header = json.loads(metadata["header"]) | (change or {})
    content = {name: value for name, value in load_file(path).items() if name != drop}
    if add:
        content[add] = torch.zeros(3)
    save_file(content, path, metadata | {"header": json.dumps(header)})


@pytest.mark.parametrize("kind", ["text", "network.fusion"])
def test_a_missing_tensor_is_named(path: Path, kind: str) -> None:
    name = min(name for name in load_file(path) if name.startswith(kind))
    rewrite(path, drop=name)
    with pytest.raises(InputError, match=f"teacher.safetensors: tensor {name} is missing"):
        load_checkpoint(path, CPU)


def test_a_tensor_of_another_architecture_is_named(path: Path) -> None:
    rewrite(path, add="network.enhancement.x")
    with pytest.raises(InputError, match="network.enhancement.x does not belong"):
        load_checkpoint(path, CPU)


def test_a_tensor_of_another_shape_is_named(path: Path) -> None:
    rewrite(path, {"architecture": vars(replace(HEADER.architecture, max_snippets=16))})
    with pytest.raises(InputError, match=r"tensor network\..* is \[8, 512\], not \[16, 512\]"):
        load_checkpoint(path, CPU)


def test_classes_that_do_not_fit_the_embeddings_are_refused(path: Path) -> None:
    rewrite(path, {"classes": ["A", "B1"], "prompts": ["normal", "fighting"]})
    with pytest.raises(InputError, match="tensor text.*2 classes"):
        load_checkpoint(path, CPU)


def test_fields_of_other_tools_are_ignored_and_a_recipe_may_be_unknown(path: Path) -> None:
    rewrite(path, {"recipe": {"optimizer": "lion"}, "camera": "north gate"})
    assert read_header(path).recipe == Recipe()


@pytest.mark.parametrize("change", [{"recipe": 1}, {"architecture": {"model": "x"}}, {"trained_on": None}])
def test_a_malformed_header_is_refused(path: Path, change: dict[str, object]) -> None:
    rewrite(path, change)
    with pytest.raises(InputError, match=r"teacher\.safetensors: header"):
        read_header(path)


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\xff" * 64])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.safetensors"):
        read_header(tmp_path / "x.safetensors")


def test_a_safetensors_file_of_other_tools_is_no_checkpoint(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(InputError, match=r"x\.safetensors: metadata has no JSON object header"):
        read_header(tmp_path / "x.safetensors")


def test_a_checkpoint_of_another_version_is_refused(path: Path) -> None:
    rewrite(path, {"version": 2})
    with pytest.raises(InputError, match="header: format and version are .*2"):
        read_header(path)


def test_a_header_that_names_no_width_is_one_of_512(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        trained_on = json.loads(file.metadata()["header"])["trained_on"]
    older = {name: {key: text for key, text in trained_on[name].items() if key != "width"} for name in STREAMS}
    rewrite(path, {"trained_on": trained_on | older})
    assert load_checkpoint(path, CPU).header == HEADER


@pytest.mark.parametrize("width", [0, -5, 10**30, 2.5, True, "512"])
def test_a_width_that_is_no_length_of_a_row_is_refused(path: Path, width: object) -> None:
    with safe_open(path, framework="pt") as file:
        trained_on = json.loads(file.metadata()["header"])["trained_on"]
    rewrite(path, {"trained_on": trained_on | {"visual": trained_on["visual"] | {"width": width}}})
    with pytest.raises(InputError, match=r"teacher\.safetensors: header: width .* must be a number from 1 to"):
        load_checkpoint(path, CPU)


def test_texts_that_are_not_as_wide_as_the_frames_are_refused(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        trained_on = json.loads(file.metadata()["header"])["trained_on"]
    rewrite(path, {"trained_on": trained_on | {"visual": trained_on["visual"] | {"width": 768}}})
    with pytest.raises(InputError, match=r"tensor text is \[7, 512\], .* 768 numbers each"):
        load_checkpoint(path, CPU)


def test_rows_of_another_width_are_a_mismatch_that_nobody_can_allow() -> None:
    wide = replace(HEADER.trained_on, audio=replace(AUDIO, width=128))
    for list_them in (mismatches, unreadable):
        assert list_them(HEADER.trained_on, shards_of(wide), reads_audio=False) == []
        (sentence,) = list_them(HEADER.trained_on, shards_of(wide), reads_audio=True)
        assert sentence == "audio_width: checkpoint trained on 512, shards have 128"


def shards_of(trained_on: TrainedOn) -> ShardHeader:
    return ShardHeader("xd", "test", trained_on.stride, trained_on.crops, trained_on.visual, trained_on.audio)


def test_alike_shards_have_no_mismatch() -> None:
    assert mismatches(HEADER.trained_on, shards_of(HEADER.trained_on), reads_audio=True) == []


@pytest.mark.parametrize("name", ["encoder", "weights", "preprocessing"])
@pytest.mark.parametrize("stream", ["visual", "audio"])
def test_another_encoding_is_a_mismatch_that_names_both_values(stream: str, name: str) -> None:
    other = replace(HEADER.trained_on, **{stream: replace(VISUAL if stream == "visual" else AUDIO, **{name: "other"})})
    (sentence,) = mismatches(HEADER.trained_on, shards_of(other), reads_audio=True)
    assert f"{stream}_{name}" in sentence
    assert "'other'" in sentence
    assert repr(getattr(getattr(HEADER.trained_on, stream), name)) in sentence


def test_a_model_that_reads_no_audio_does_not_care_about_it() -> None:
    without = replace(HEADER.trained_on, audio=None)
    assert mismatches(HEADER.trained_on, shards_of(without), reads_audio=False) == []
    assert len(mismatches(HEADER.trained_on, shards_of(without), reads_audio=True)) == 1


def test_the_audit_is_pointed_to_where_one_side_is_released() -> None:
    own, released = HEADER.trained_on, replace(HEADER.trained_on, visual=RELEASED_VISUAL)
    assert "extract.audit" in remedy(own, shards_of(released))
    assert "extract.audit" in remedy(released, shards_of(own))
    assert remedy(own, shards_of(own)) == remedy(released, shards_of(replace(released, stride=4))) == "Make both alike"


def test_another_stride_is_a_mismatch_and_another_precision_only_a_difference() -> None:
    other = replace(HEADER.trained_on, stride=4, visual=replace(VISUAL, precision="bf16"))
    assert len(mismatches(HEADER.trained_on, shards_of(other), reads_audio=True)) == 1
    assert len(precision_differences(HEADER.trained_on, shards_of(other), reads_audio=True)) == 1
