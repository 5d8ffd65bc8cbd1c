"""Makes CLIP features of videos as other repositories might: right, or wrong in known ways.

A plain script on its own: PyAV reads frames, Pillow and NumPy resize, open_clip encodes with its own constants,
and the result is ``<video>__<crop>.npy``, float16. It shares no code with ``extract``.

    python tests/extract/audit/perturbed_features.py VIDEO... --out DIR --weights FILE [--bgr] [--resize ...]
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import open_clip
import torch
from open_clip.transform import image_transform
from PIL import Image, ImageFilter
from safetensors.torch import load_file

SHAPE = (340, 256)
SIDE = 224
BATCH = 4
# Left and top of crops 0 to 4.
PLACES = ((58, 16), (0, 0), (116, 0), (0, 32), (116, 32))


@dataclass(frozen=True)
class Recipe:
    """How features are made; the defaults are right.

    Attributes:
        stride: Frames a row.
        offset: First frame.
        last: ``all`` rows, only ``whole`` snippets, or one row ``extra`` that repeats the last.
        resize: A name in ``RESIZES``, or ``clip`` for open_clip's own preprocessing.
        places: For each stored crop 0, 1, ... which crop it really is.
        bgr: Colours in the wrong order.
        model: open_clip's name.
        scaled: Whether rows are scaled to length one.
        spoil: ``none``, or something that no list of causes has: ``range`` squeezes colours to 16-235, ``blur`` blurs.
    """

    stride: int = 4
    offset: int = 0
    last: str = "all"
    resize: str = "plain"
    places: tuple[int, ...] = (0,)
    bgr: bool = False
    model: str = "ViT-B-16-quickgelu"
    scaled: bool = False
    spoil: str = "none"


class Maker:
    """Makes features by recipe and remembers each picture that it has encoded.

    Args:
        weights: safetensors file of the models that recipes name.
    """

    def __init__(self, weights: Path) -> None:
        self._state = load_file(weights)
        self._models: dict[str, torch.nn.Module] = {}
        self._known: dict[tuple[str, bytes], np.ndarray] = {}

    def features(self, video: Path, recipe: Recipe) -> np.ndarray:
        """Make the features of a video: [crops, T, 512] float16."""
        frames = read_frames(video)
        numbers = [max(number, 0) for number in range(recipe.offset, len(frames), recipe.stride)]
        if recipe.last == "whole":
            numbers = numbers[: (len(frames) - recipe.offset) // recipe.stride]
        if recipe.last == "extra":
            numbers.append(numbers[-1])
        made = [[prepare(frames[number], place, recipe) for number in numbers] for place in recipe.places]
        rows = np.stack([self._encode(crop, recipe.model) for crop in made])
        if recipe.scaled:
            rows = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
        return rows.astype(np.float16)

    def _encode(self, pictures: Sequence[np.ndarray], name: str) -> np.ndarray:
        keys = [(name, picture.tobytes()) for picture in pictures]
        new = {key: picture for key, picture in zip(keys, pictures, strict=True) if key not in self._known}
        waiting = list(new.items())
        for start in range(0, len(waiting), BATCH):
            part = waiting[start : start + BATCH]
            with torch.inference_mode():
                encoded = self._model(name).encode_image(torch.from_numpy(np.stack([picture for _, picture in part])))
            for (key, _), feature in zip(part, encoded.numpy(), strict=True):
                self._known[key] = feature
        return np.stack([self._known[key] for key in keys])

    def _model(self, name: str) -> torch.nn.Module:
        if name not in self._models:
            model = open_clip.create_model(name, pretrained=None, precision="fp32")
            model.load_state_dict(self._state)
            self._models[name] = model.eval()
        return self._models[name]


def read_frames(video: Path) -> list[np.ndarray]:
    """Decode all frames: RGB [H, W, 3] uint8."""
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def prepare(frame: np.ndarray, place: int, recipe: Recipe) -> np.ndarray:
    """Resize, crop and normalise one frame: [3, 224, 224] float32."""
    picture = frame[:, :, ::-1].copy() if recipe.bgr else frame
    if recipe.spoil == "range":
        picture = (picture * (219 / 255) + 16).round().astype(np.uint8)
    if recipe.spoil == "blur":
        picture = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(2)))
    mirror = place >= len(PLACES)
    if recipe.resize == "clip":
        image = image_transform(SIDE, is_train=False)(Image.fromarray(picture)).numpy()
    else:
        left, top = (0, 0) if recipe.resize.startswith("squashed") else PLACES[place % len(PLACES)]
        resized = RESIZES[recipe.resize](picture)[top : top + SIDE, left : left + SIDE]
        scaled = (resized / 255 - open_clip.OPENAI_DATASET_MEAN) / open_clip.OPENAI_DATASET_STD
        image = scaled.transpose(2, 0, 1)
    return np.ascontiguousarray(image[:, :, ::-1] if mirror else image, dtype=np.float32)


def interpolate(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize by weighing the four nearest pixels, as OpenCV does before it rounds."""
    top, bottom, down = _neighbours(picture.shape[0], height)
    left, right, along = _neighbours(picture.shape[1], width)
    rows = picture[top] * (1 - down)[:, None, None] + picture[bottom] * down[:, None, None]
    return rows[:, left] * (1 - along)[None, :, None] + rows[:, right] * along[None, :, None]


def _neighbours(length: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    centre = np.clip((np.arange(wanted) + 0.5) * length / wanted - 0.5, 0, length - 1)
    first = np.floor(centre).astype(int)
    return first, np.minimum(first + 1, length - 1), centre - first


def pillow(picture: np.ndarray, size: tuple[int, int], method: Image.Resampling) -> np.ndarray:
    """Resize as Pillow does."""
    return np.asarray(Image.fromarray(picture).resize(size, method))


RESIZES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "plain": lambda picture: interpolate(picture, *SHAPE),
    "rounded": lambda picture: np.rint(interpolate(picture, *SHAPE)),
    "pillow-bilinear": lambda picture: pillow(picture, SHAPE, Image.Resampling.BILINEAR),
    "pillow-bicubic": lambda picture: pillow(picture, SHAPE, Image.Resampling.BICUBIC),
    "squashed": lambda picture: pillow(picture, (SIDE, SIDE), Image.Resampling.BICUBIC),
    "squashed-rounded": lambda picture: np.rint(interpolate(picture, SIDE, SIDE)),
}


def main() -> None:
    """Write the features of some videos."""
    parser = argparse.ArgumentParser(description="Make CLIP features of videos, right or wrong.")
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--stride", type=int, default=4)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--last", choices=("all", "whole", "extra"), default="all")
    parser.add_argument("--resize", choices=(*RESIZES, "clip"), default="plain")
    parser.add_argument("--places", type=int, nargs="+", default=[0])
    parser.add_argument("--bgr", action="store_true")
    parser.add_argument("--model", default="ViT-B-16-quickgelu")
    parser.add_argument("--scaled", action="store_true")
    parser.add_argument("--spoil", choices=("none", "range", "blur"), default="none")
    settings = vars(parser.parse_args())
    videos, out, maker = settings.pop("videos"), settings.pop("out"), Maker(settings.pop("weights"))
    recipe = Recipe(**{**settings, "places": tuple(settings["places"])})
    out.mkdir(parents=True, exist_ok=True)
    for video in videos:
        for crop, rows in enumerate(maker.features(video, recipe)):
            np.save(out / f"{video.stem}__{crop}.npy", rows)


if __name__ == "__main__":
    main()
