"""What the visual features of a shard depend on beside its videos and the weights."""

from dataclasses import dataclass

from extract.base.decoders import LIBAV, check_decoder
from extract.base.errors import InputError
from extract.cut_videos import REFUSE

MOST_CROPS = 10


@dataclass(frozen=True)
class VisualSettings:
    """What the visual features depend on beside the videos and the weights.

    Attributes:
        stride: Frames a snippet; 16 for XD-Violence and UCF-Crime, 4 for CCTV-Fights.
        crops: Crop numbers, 0 to 9, the order of the columns.
        precision: ``fp32`` or ``bf16``.
        batch: Images a call of the encoder.
        dtype: ``float16`` or ``float32``, the type of the stored features. float16 halves the size, and its
            rounding is far below bf16's.
        cut: ``take`` files that seem to be cut short, or ``refuse`` them.
        decoder: What decodes the pictures, ``libav`` or ``decord``; they do not depend on it.
    """

    stride: int
    crops: tuple[int, ...]
    precision: str
    batch: int
    dtype: str
    cut: str = REFUSE
    decoder: str = LIBAV

    def __post_init__(self) -> None:
        if self.stride < 1 or self.batch < 1:
            raise InputError(f"stride {self.stride} and batch {self.batch} must be at least 1")
        if not self.crops or len(set(self.crops)) < len(self.crops):
            raise InputError(f"crops {self.crops}: name at least one crop, and none twice")
        if not set(self.crops) <= set(range(MOST_CROPS)):
            raise InputError(f"crops {self.crops}: crop numbers go from 0 to {MOST_CROPS - 1}")
        check_decoder(self.decoder)
