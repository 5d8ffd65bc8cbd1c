"""How intervals and tests are made."""

from dataclasses import dataclass
from typing import Literal

from train.fields import setting

Kind = Literal["auto", "percentile", "bca"]
# Percentile intervals of mAP hold the true value too seldom, and those of AP and AUC do not (benchmarks.coverage).
HOW: dict[Kind, str] = {"auto": "percentile for AP and AUC, BCa for mAP", "percentile": "percentile", "bca": "BCa"}
LEVEL = 0.95
# A share of undefined resamples above which the interval speaks of the others alone, and that is said.
MUCH = 0.01


@dataclass(frozen=True)
class Resampling:
    """What decides the intervals; for models that are to be compared it must be the same.

    Attributes:
        resamples: Number of resamples; 100 at least, because of fewer the outermost twentieth is nothing.
        seed: Decides which.
        interval: How an interval comes from them.
        stratified: Whether each holds as many normal and abnormal videos as the test set.
    """

    resamples: int = setting(2000, says="resamples of the test videos that the intervals come from", least=100)
    seed: int = setting(0, says="of the resamples; the same for all models", least=0)
    interval: Kind = setting("auto", says="auto: percentile for AP and AUC, bca, which corrects for bias, for mAP")
    stratified: bool = setting(True, says="keep the test set's numbers of normal and abnormal videos")
