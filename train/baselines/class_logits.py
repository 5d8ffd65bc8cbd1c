"""From the class logits of a method that has no other score to its anomaly logits."""

from torch import Tensor


def anomaly_logits(class_logits: Tensor) -> Tensor:
    """Give the logits of what is not normal, so that their sigmoid is 1 - p(normal) of the classes' softmax.

    Args:
        class_logits: ``[..., C]``, the normal class in column 0, C at least 2.

    Returns:
        ``[...]``: ``log(exp(z_1) + ... + exp(z_C-1)) - z_0``.
    """
    return class_logits[..., 1:].logsumexp(dim=-1) - class_logits[..., 0]
