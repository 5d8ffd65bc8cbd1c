"""What the training loop asks of a method of this package.

Every method is a ``torch.nn.Module`` that is called as ``network(visual, audio, length, text) -> Output`` like the
networks with classes, and has ``losses``. More is asked only of the methods that have it: class texts (`ReadsText`),
parts that learn at rates of their own (`OwnRates`) or by rules of their own (`OwnOptimiser`), and work at the bounds of
an epoch (`Phased`). How the recipe's rate falls over the epochs is no method's own (`train.schedule`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from torch import Tensor, nn
from torch.optim import Optimizer

from train.samples import Batch
from train.settings import Recipe

if TYPE_CHECKING:
    import open_clip


class Baseline(Protocol):
    """A method that brings its own losses."""

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the loss terms of a batch, unweighted, and their weighted ``total``, which is minimised."""
        ...


@runtime_checkable
class ReadsText(Protocol):
    """A method that compares rows with the names of the classes, and so needs CLIP's text tower to be trained.

    Scoring needs no tower: what the text side gave at last stands in the checkpoint as ``text``.
    """

    def text_side(self, clip: "open_clip.CLIP", prompts: Sequence[str]) -> nn.Module:
        """Build what gives the class embeddings ``[C, D]`` when it is called without arguments.

        What is frozen and follows from ``clip`` stands under ``encoder`` or is not persistent, and is not saved.
        """
        ...

    def losses(self, batch: Batch, text: Tensor) -> dict[str, Tensor]:
        """Compute what `Baseline` asks for, given the class embeddings with their graph."""
        ...


@runtime_checkable
class OwnRates(Protocol):
    """A method whose parts learn at different rates."""

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Group all parameters as an optimiser takes them, ``params`` and ``lr``, for the recipe's learning rate."""
        ...


@runtime_checkable
class OwnOptimiser(Protocol):
    """A method whose parts learn by different rules, or by one that no recipe names."""

    def optimiser(self, text_side: Sequence[nn.Parameter], recipe: Recipe, steps_an_epoch: int) -> Optimizer:
        """Build the optimiser of everything that is learned.

        Args:
            text_side: What is learned beside the network.
            recipe: As for the other methods.
            steps_an_epoch: For rates that follow the steps.
        """
        ...


@runtime_checkable
class Phased(Protocol):
    """A method that does something once an epoch.

    Nothing about the epoch is kept with the weights: ``start_epoch`` tells it anew, so that a resumed run, and one
    whose weights were set back to an earlier epoch's, go on as they should.
    """

    def start_epoch(self, epoch: int, epochs: int) -> None:
        """Be told how many epochs are done, and of how many, before the first step of the next one."""
        ...

    def end_epoch(self) -> None:
        """Change the weights after the last step, before they are judged and saved."""
        ...
