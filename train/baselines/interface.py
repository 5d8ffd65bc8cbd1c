"""What the training loop asks of a method of this package.

Every method is a ``torch.nn.Module`` that is called as ``network(visual, audio, length, text) -> Output`` like the
networks with classes, and has ``losses``. Two more things are asked only of the methods that have them: parts that
learn at rates of their own (`OwnRates`), and work at the bounds of an epoch (`Staged`). How the rate falls over the
epochs is no method's own: the recipe says it (`train.schedule`).
"""

from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from train.samples import Batch


class Baseline(Protocol):
    """A method that brings its own losses."""

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the loss terms of a batch, unweighted, and their weighted ``total``, which is minimised."""
        ...


@runtime_checkable
class OwnRates(Protocol):
    """A method whose parts learn at different rates."""

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Group all parameters as an optimiser takes them, ``params`` and ``lr``, for the recipe's learning rate."""
        ...


@runtime_checkable
class Staged(Protocol):
    """A method that does something once an epoch.

    Nothing about the epoch is kept with the weights: ``start_epoch`` tells it anew, so that a resumed run, and one
    whose weights were set back to an earlier epoch's, go on as they should.
    """

    def start_epoch(self, epoch: int) -> None:
        """Be told how many epochs are done, before the first step of the next one."""
        ...

    def end_epoch(self) -> None:
        """Change the weights after the last step, before they are judged and saved."""
        ...
