"""The checkpoint: a trained model in one safetensors file, with everything scoring needs.

Metadata: one entry, ``header``, a JSON object with ``format`` = "avadclip-checkpoint", ``version`` = 1,
``architecture``, ``dataset``, ``classes`` (label codes in column order), ``prompts``, ``recipe``, ``epoch`` (the one
that was kept; -1 unknown), ``trained_on`` (stride, crops, note and the encoder, weights, precision, preprocessing and
width of both streams of the training shards; a width that is absent is 512), ``text_weights``, ``scoring_crop``,
``note``, ``labels`` (``codes``, ``model_codes`` and ``prompts`` of the training shards; without it they are those of
the built-in set ``dataset``), where scoring is to differ from training ``scoring_window`` and ``scoring_classes``, and
``continued_from`` (SHA-256 of the checkpoint that the training began with; empty or absent if it began with none).

Tensors: ``network.*``, ``text`` [prompts, D] (the class embeddings of the learnable prompt, stored so that scoring
needs none of CLIP's weights), ``prompt.*`` (the learned context they came from) and ``focal.alpha`` where there is one.
"""

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from extract.base.errors import InputError
from extract.base.files import atomic_path
from extract.base.json_text import parse_json
from extract.base.regular_file import check_regular
from extract.datasets import data_set, labels_of
from extract.encoders.weights import file_sha256
from extract.labels.label_set import LabelSet, parse_label_set
from extract.shard import Encoding, ShardHeader, Widths, widths_of
from train.networks import build_network
from train.settings import Architecture, Recipe

FORMAT = "avadclip-checkpoint"
VERSION = 1


@dataclass(frozen=True)
class TrainedOn:
    """What the training shards were; scoring others is refused.

    Attributes:
        stride: Frames a snippet.
        crops: Crop numbers read in training.
        visual: How the frames were encoded.
        audio: How the sound was encoded; ``None`` without audio.
        note: The shards' note.
    """

    stride: int
    crops: tuple[int, ...]
    visual: Encoding
    audio: Encoding | None
    note: str

    @property
    def widths(self) -> Widths:
        """Width of the rows of each stream."""
        return widths_of(self.visual, self.audio)

    @classmethod
    def from_shards(cls, header: ShardHeader) -> "TrainedOn":
        """Take over what matters from the header of the training shards."""
        return cls(header.stride, header.crops, header.visual, header.audio, header.note)


@dataclass(frozen=True)
class Header:
    """A checkpoint's JSON header; see the module.

    Attributes:
        architecture: Shape of the network.
        dataset: Name of the label set.
        classes: Label codes of the columns; the first is normal.
        prompts: Text prompt of each class; none for a network that tells no classes, or does without their names.
        recipe: How it was trained.
        epoch: Epoch whose weights were kept, counted from 1; 0 for an untrained network, -1 if unknown.
        trained_on: What the training shards were.
        text_weights: Identity of CLIP's weights behind ``text``.
        scoring_crop: Number of the crop that scoring reads.
        note: Free text for the tables, for example ``demo recipe``.
        scoring_window: Attention window to score with, where it is not the one that was trained with; 0 if it is.
        scoring_classes: Label codes whose prompts scoring uses, where these are not all; the first is normal.
        labels: The label set, named by every method; unless given that of the built-in set ``dataset``, ``None`` if
            there is no such set.
        continued_from: SHA-256 of the checkpoint whose weights the training began with; empty if it began with none.
    """

    architecture: Architecture
    dataset: str
    classes: tuple[str, ...]
    prompts: tuple[str, ...]
    recipe: Recipe
    epoch: int
    trained_on: TrainedOn
    text_weights: str
    scoring_crop: int
    note: str
    scoring_window: int = 0
    scoring_classes: tuple[str, ...] = ()
    labels: LabelSet | None = None
    continued_from: str = ""

    def __post_init__(self) -> None:
        shape = self.architecture
        if self.labels is None:
            object.__setattr__(self, "labels", labels_of(self.dataset))
        if self.scoring_window and not (
            "window" in shape.method.shape and 0 < self.scoring_window <= shape.max_snippets
        ):
            raise InputError(
                f"scoring_window: {self.scoring_window} is not for a {shape.model} of {shape.max_snippets} snippets"
            )
        if self.scoring_window and shape.max_snippets % self.scoring_window:
            raise InputError(f"scoring_window: {self.scoring_window} must divide max_snippets ({shape.max_snippets})")
        if self.scoring_classes and not shape.reads_text:
            raise InputError(
                f"scoring_classes: {', '.join(self.scoring_classes)} are not for {shape.model}, which reads no prompts"
            )
        strange = [code for code in self.scoring_classes if code not in self.classes]
        if strange or (self.scoring_classes and self.scoring_classes[0] != self.classes[0]):
            raise InputError(
                f"scoring_classes: {', '.join(self.scoring_classes)} must be some of {', '.join(self.classes)}, the "
                "normal class first"
            )

    def label_set(self, path: Path) -> LabelSet:
        """Give the classes of the data set that it was trained for.

        Raises:
            InputError: Naming ``path``, if it names none and is for no built-in data set.
        """
        return self.labels or data_set(self.dataset, f"{path}: header: dataset").labels

    @property
    def scored_classes(self) -> tuple[str, ...]:
        """Label codes of the columns that scoring gives."""
        return self.scoring_classes or self.classes


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory.

    Attributes:
        header: What it is.
        network: The network, in eval mode.
        text: [prompts, D] float32 class embeddings of the learnable prompt.
        sha256: Of the file.
        untrained: Codes of classes that it was given for scoring and of which its training had no examples.
    """

    header: Header
    network: nn.Module
    text: Tensor
    sha256: str
    untrained: tuple[str, ...] = ()


def save_checkpoint(path: Path, header: Header, tensors: dict[str, Tensor]) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: The safetensors file to make.
        header: What it is.
        tensors: ``network.*``, ``text``, ``prompt.*`` and, if there is one, ``focal.alpha``.
    """
    # One entry: safetensors writes several in an order that changes from run to run, and with it the checksum.
    values = {"format": FORMAT, "version": VERSION, **asdict(header)}
    metadata = {"header": json.dumps(values, ensure_ascii=False)}
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata)
    with atomic_path(path) as temporary:
        # safetensors' own writing to a file goes through a temporary of its own, which a kill would leave for ever.
        temporary.write_bytes(content)


def read_header(path: Path) -> Header:
    """Read a checkpoint's header alone.

    Raises:
        InputError: If the file is absent, no safetensors file or no checkpoint; names the field.
    """
    try:
        check_regular(path)
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise InputError(f"{path}: no such checkpoint") from None
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: no readable safetensors file ({error})") from None
    try:
        values = parse_json(metadata["header"])
        found = values.get("format"), values.get("version")
    except (KeyError, ValueError, AttributeError):
        raise InputError(f"{path}: metadata has no JSON object header; this is no checkpoint") from None
    if found != (FORMAT, VERSION):
        raise InputError(f"{path}: header: format and version are {found}, not {(FORMAT, VERSION)}")
    try:
        return _parse_header(values)
    except KeyError as error:
        raise InputError(f"{path}: header: field {error} is missing") from None
    except (TypeError, ValueError, AttributeError, OverflowError, InputError) as error:
        raise InputError(f"{path}: header: {error}") from None


def load_checkpoint(path: Path, device: torch.device) -> Checkpoint:
    """Load a checkpoint as it was trained, for example as a teacher.

    Args:
        path: The safetensors file.
        device: Where the network and ``text`` go.

    Raises:
        InputError: If the file is no checkpoint, a tensor is missing, or one does not fit the architecture or
            the classes; names the file and the tensor.
    """
    header = read_header(path)
    with safe_open(path, framework="pt") as file:
        names = set(file.keys())
        if "text" not in names:
            raise InputError(f"{path}: tensor text is missing")
        text = file.get_tensor("text")
        state = {name.removeprefix("network."): file.get_tensor(name) for name in names if name.startswith("network.")}
    texts = len(header.classes) if header.architecture.reads_text else 0
    widths = header.trained_on.widths
    if text.ndim != 2 or len(text) != texts or (texts and text.shape[1] != widths.visual):
        raise InputError(
            f"{path}: tensor text is {list(text.shape)}, but the header has {texts} classes with texts, "
            f"{widths.visual} numbers each"
        )
    with torch.device("meta"):  # takes no memory, whatever sizes the header names
        _check_state(path, build_network(header.architecture, len(header.classes), widths), state)
    network = build_network(header.architecture, len(header.classes), widths)
    network.load_state_dict(state)
    return Checkpoint(header, network.to(device).eval(), text.to(device), file_sha256(path))


def load_learned(path: Path) -> dict[str, Tensor]:
    """Load all tensors of a checkpoint but ``text``, which is made from the others, to train it further.

    Raises:
        InputError: If the file is no checkpoint.
    """
    read_header(path)
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys() if name != "text"}  # noqa: SIM118, it is no dict


def load_for_scoring(path: Path, device: torch.device) -> Checkpoint:
    """Load a checkpoint as its scores are to be made: with ``scoring_window`` and the prompts of ``scoring_classes``.

    Args:
        path: The safetensors file.
        device: Where the network and ``text`` go.

    Returns:
        The header as it stands in the file, with a network and ``text`` [scored classes, D] to score with.

    Raises:
        InputError: As ``load_checkpoint`` does.
    """
    checkpoint = load_checkpoint(path, device)
    header = checkpoint.header
    if header.scoring_window:
        # No parameter depends on the window.
        architecture = replace(header.architecture, window=header.scoring_window)
        network = build_network(architecture, len(header.classes), header.trained_on.widths)
        network.load_state_dict(checkpoint.network.state_dict())
        checkpoint = replace(checkpoint, network=network.to(device).eval())
    if not header.scoring_classes:
        return checkpoint
    return replace(checkpoint, text=checkpoint.text[[header.classes.index(code) for code in header.scoring_classes]])


def _check_state(path: Path, network: nn.Module, state: dict[str, Tensor]) -> None:
    expected = network.state_dict()
    for name in sorted(expected.keys() | state.keys()):
        if name not in state:
            raise InputError(f"{path}: tensor network.{name} is missing")
        if name not in expected:
            raise InputError(f"{path}: tensor network.{name} does not belong to this architecture")
        if state[name].shape != expected[name].shape:
            raise InputError(
                f"{path}: tensor network.{name} is {list(state[name].shape)}, not {list(expected[name].shape)}"
            )


def _parse_header(values: dict[str, Any]) -> Header:
    trained_on = values["trained_on"]
    recipe = _known(Recipe, values["recipe"])
    if "milestones" in recipe:
        recipe["milestones"] = tuple(recipe["milestones"])
    return Header(
        architecture=Architecture(**_known(Architecture, values["architecture"])),
        dataset=str(values["dataset"]),
        classes=tuple(values["classes"]),
        prompts=tuple(values["prompts"]),
        recipe=Recipe(**recipe),
        epoch=int(values["epoch"]),
        trained_on=TrainedOn(
            stride=int(trained_on["stride"]),
            crops=tuple(trained_on["crops"]),
            visual=Encoding(**_known(Encoding, trained_on["visual"])),
            audio=None if trained_on["audio"] is None else Encoding(**_known(Encoding, trained_on["audio"])),
            note=str(trained_on.get("note", "")),
        ),
        text_weights=str(values["text_weights"]),
        scoring_crop=int(values["scoring_crop"]),
        note=str(values.get("note", "")),
        scoring_window=int(values.get("scoring_window", 0)),
        scoring_classes=tuple(values.get("scoring_classes", ())),
        labels=parse_label_set(str(values["dataset"]), values["labels"]) if values.get("labels") is not None else None,
        continued_from=str(values.get("continued_from", "")),
    )


def _known(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    """Keep the fields that ``kind`` has; other programs may add their own."""
    return {name.name: values[name.name] for name in fields(kind) if name.name in values}
