"""The image encoders that can be named: open_clip's models, with what open_clip says of each.

Their descriptions are read from open_clip's files, so that checking a name need not wait for PyTorch.
"""

import difflib
import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from extract.base.errors import InputError

# The QuickGELU variant that OpenAI trained. The plain-GELU variant loads the same weights and gives other features.
ENCODER = "ViT-B-16-quickgelu"
# Of open_clip's own BPE; models with another vocabulary take theirs from the internet.
CLIP_VOCABULARY = 49_408
MOST_NAMED = 4


@dataclass(frozen=True)
class ImageModel:
    """What is known of an encoder before it is made.

    Attributes:
        name: As it was given: open_clip's name of the model, or ``NAME/TAG`` with open_clip's tag of its weights.
        model: open_clip's name of the model.
        tag: The tag; empty without one.
        width: Numbers of an embedding, D.
        side: Pixels of a side of its pictures.
        is_transformer: Whether its image tower convolves nothing but patches.
        vocabulary: Name of the texts' vocabulary where it is not CLIP's; else empty.
    """

    name: str
    model: str
    tag: str
    width: int
    side: int
    is_transformer: bool
    vocabulary: str


def find_model(name: str) -> ImageModel:
    """Look an encoder up.

    Args:
        name: open_clip's name of the model, or ``NAME/TAG``.

    Raises:
        InputError: If open_clip has no such model, naming the nearest ones, or its towers cannot be used here.
    """
    model, _, tag = name.partition("/")
    described = _descriptions()
    if model not in described:
        near = difflib.get_close_matches(model, described, MOST_NAMED, cutoff=0.4)
        nearest = f"; nearest are {', '.join(near)}" if near else ""
        raise InputError(f"encoder {name!r}: open_clip has no model of this name{nearest}")
    settings = json.loads(described[model].read_text(encoding="utf-8"))
    vision, text = settings["vision_cfg"], settings["text_cfg"]
    if "multimodal_cfg" in settings:
        raise InputError(f"encoder {name!r}: is a captioner, whose towers give more than one embedding; take another")
    if "hf_model_name" in text:
        raise InputError(
            f"encoder {name!r}: its text tower is {text['hf_model_name']} of the package transformers, which is not "
            "among this project's; take another"
        )
    return ImageModel(
        name=name,
        model=model,
        tag=tag,
        width=settings["embed_dim"],
        side=vision["image_size"],
        is_transformer=_is_transformer(vision),
        vocabulary=text.get("hf_tokenizer_name", ""),
    )


def has_quickgelu(name: str) -> bool:
    """Whether a name is that of an encoder with QuickGELU, as OpenAI trained it, which open_clip also has without."""
    return name.partition("/")[0].endswith("-quickgelu")


def normalisation(model: ImageModel, *, trained: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Give the mean and the deviation that open_clip normalises a model's pictures by, for red, green and blue.

    Args:
        model: The model. open_clip says this of each of its weights; a tag names them.
        trained: Whether trained weights are read, which only one normalisation fits.

    Raises:
        InputError: If open_clip knows no weights of that tag, or those that it knows differ and no tag says which.
    """
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(model.model)
    if model.tag and model.tag not in tags:
        raise InputError(f"encoder {model.name!r}: open_clip knows no such weights, only {', '.join(tags) or 'none'}")
    settings = {tag: open_clip.get_pretrained_cfg(model.model, tag) for tag in tags}
    usual = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
    found = {
        tag: (tuple(one.get("mean") or usual[0]), tuple(one.get("std") or usual[1])) for tag, one in settings.items()
    }
    if model.tag:
        return found[model.tag]
    counted = Counter(found.values())
    if trained and len(counted) > 1:
        examples = (f"{model.model}/{next(tag for tag in tags if found[tag] == one)}" for one in counted)
        raise InputError(
            f"encoder {model.name!r}: its weights were trained with pictures normalised in {len(counted)} ways; name "
            f"the weights too, for example {' or '.join(examples)}"
        )
    return counted.most_common(1)[0][0] if counted else usual


@cache
def _descriptions() -> dict[str, Path]:
    package = find_spec("open_clip")
    if package is None or not package.submodule_search_locations:
        raise InputError("the package open_clip_torch is not installed; see requirements.txt")
    folder = Path(package.submodule_search_locations[0]) / "model_configs"
    return {path.stem: path for path in sorted(folder.glob("*.json"))}


def _is_transformer(vision: dict[str, Any]) -> bool:
    trunk = vision.get("timm_model_name", "")
    if not trunk:
        return isinstance(vision["layers"], int)
    return trunk.startswith(("vit_", "eva")) and "mci" not in trunk
