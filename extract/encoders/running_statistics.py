"""Mean and deviation of the sound so far, for sound whose end nobody knows yet."""

import math

from extract.base.errors import InputError

# Values of the spectrograms of an hour: 257 frequencies, a column each 353 samples of 16 000 a second. What is older
# fades, so that a camera that is moved, or whose gain changes, is not judged by last month.
HORIZON_VALUES = 257 * 3600 * 16_000 / 353


class RunningStatistics:
    """Mean and standard deviation of everything that was added, constant in memory.

    Args:
        horizon: Once there are more values than this, those there are weigh less with every one that comes.
    """

    def __init__(self, horizon: float = HORIZON_VALUES) -> None:
        if not horizon > 0:
            raise InputError(f"horizon {horizon} must be above 0")
        self._horizon = horizon
        self._count = self._total = self._squares = 0.0

    def add(self, count: float, total: float, squares: float) -> tuple[float, float]:
        """Add values by their number, their sum and the sum of their squares.

        Returns:
            Mean and standard deviation of all so far, these included; 0 for the deviation of a single value.
        """
        kept = max(0.0, min(1.0, (self._horizon - count) / self._count)) if self._count else 0.0
        self._count = kept * self._count + count
        self._total = kept * self._total + total
        self._squares = kept * self._squares + squares
        mean = self._total / self._count
        # Silence has none, and rounding must not make it negative.
        variance = max(0.0, (self._squares - self._count * mean * mean) / max(self._count - 1, 1))
        return mean, math.sqrt(variance)
