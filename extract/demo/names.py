"""Names of generated videos, as each data set names its own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from extract.datasets import XD

if TYPE_CHECKING:
    from numpy.random import Generator

NORMAL = XD.normal
FILMS = (
    "Harbour.Nights.2004",
    "The.Long.Quay.1987",
    "v=kT4_dRw-2Xo",
    "Station.No.9.2011",
    "Market@Dawn",
    "v=Pz81mmQeVaY",
    "Low.Tide.II.1996",
    "Ring.Road@Km12",
)
# UCF-Crime's name of what the scenes draw under XD-Violence's code.
UCF_CLASSES = {"B1": "Fighting", "B2": "Shooting", "B5": "Abuse", "B6": "RoadAccidents", "G": "Explosion"}


def xd_name(random: "Generator", split: str, index: int, codes: Sequence[str]) -> str:
    """Name a video as XD-Violence does: ``<film>__#<from>_<to>_label_<codes>``.

    Args:
        random: Chooses the film.
        split: ``train`` or ``test``.
        index: Number of the video within its split.
        codes: Codes of its bursts.
    """
    source = FILMS[int(random.integers(len(FILMS)))]
    # The minute is the video's number, which keeps names apart; the hour tells the splits apart.
    begin = f"{0 if split == 'train' else 1:02d}-{index % 60:02d}"
    hour = index // 60
    return f"{source}__#{begin}-{10 + hour:02d}_{begin}-{25 + hour:02d}_label_{_label(codes)}"


def cctv_name(random: "Generator", split: str, index: int, codes: Sequence[str]) -> str:
    """Name a video as CCTV-Fights_sub does: ``fight_<number>_label_<codes>``; ``random`` is not needed."""
    return f"fight_{_number(split, index):04d}_label_{_label(codes)}"


def ucf_name(random: "Generator", split: str, index: int, codes: Sequence[str]) -> str:
    """Name a video as UCF-Crime does: ``<Class><number>_x264``; ``random`` is not needed."""
    violent = _violent(codes)
    if violent:
        return f"{UCF_CLASSES[violent[0]]}{_number(split, index):03d}_x264"
    # Normal videos carry the same numbers in both splits; an underscore tells them apart.
    return f"Normal_Videos{'_' if split == 'test' else ''}{index + 1:03d}_x264"


def _label(codes: Sequence[str]) -> str:
    violent = _violent(codes)
    return "-".join([*violent, "0", "0"][:3]) if violent else NORMAL


def _violent(codes: Sequence[str]) -> list[str]:
    return [code for code in dict.fromkeys(codes) if code != NORMAL]


def _number(split: str, index: int) -> int:
    # Both splits draw from one row of numbers, as in the real sets, and no two videos share one.
    return 2 * index + (1 if split == "train" else 2)
