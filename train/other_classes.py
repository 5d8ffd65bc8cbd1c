"""Other classes than a checkpoint was trained with: their prompts through its learned context and CLIP's text tower."""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from extract.base.errors import InputError
from extract.labels.label_set import LabelSet, same_to_a_reader
from train.checkpoint import Checkpoint, Header
from train.learner import FROZEN, build_learner

# Of the largest number of an embedding. Threads and kernels change the last bits, other weights all of it.
TOLERANCE = 1e-3
PROMPT = "prompt."


def with_classes(checkpoint: Checkpoint, path: Path, classes: LabelSet, text_weights: str) -> Checkpoint:
    """Give a checkpoint other classes than it was trained with.

    Args:
        checkpoint: As it was loaded for scoring.
        path: Its file, which holds the learned context.
        classes: The classes; the first is normal.
        text_weights: CLIP's weights, a file or ``random:<seed>``.

    Returns:
        The same network with ``text`` [classes, D], and a header that names the classes, and in its note those that
        were not trained.

    Raises:
        InputError: If the network tells no classes or has an output for each of those that it was trained with, or
            the weights are not those behind the class embeddings of the checkpoint.
    """
    header = checkpoint.header
    if not header.architecture.reads_text:
        method = header.architecture.method
        why = "has an output for each class of its training" if method.classes else "tells no classes apart"
        raise InputError(f"{path}: a {header.architecture.model} {why} and takes no others; leave --classes out")
    trained = LabelSet(header.dataset, header.classes, header.classes, header.prompts)
    rows = [header.classes.index(code) for code in header.scored_classes]
    again, stored = _text(path, header, trained, text_weights)[rows], checkpoint.text.cpu()
    if (again - stored).abs().max() > TOLERANCE * stored.abs().max():
        raise InputError(
            f"{path}: --text-weights {text_weights}: give other embeddings of the trained classes than the checkpoint "
            f"holds, so they are not the weights that it was trained with ({header.text_weights or 'unknown'})"
        )
    untrained = _untrained(header, classes)
    note = f"classes given for scoring: {', '.join(classes.words)}"
    if untrained:
        words = dict(zip(classes.codes, classes.words, strict=True))
        note += f"; not trained: {', '.join(words[code] for code in untrained)}"
    return replace(
        checkpoint,
        header=replace(
            header,
            dataset=classes.name,
            classes=classes.model_codes,
            prompts=classes.prompts,
            labels=classes,
            scoring_classes=(),
            note="; ".join(filter(None, (header.note, note))),
        ),
        text=_text(path, header, classes, text_weights).to(checkpoint.text.device),
        untrained=untrained,
    )


def _text(path: Path, header: Header, classes: LabelSet, text_weights: str) -> Tensor:
    """Compute the class embeddings [C, D] that the learned context of a checkpoint gives to prompts."""
    trained_on = header.trained_on
    learner, _ = build_learner(
        header.architecture,
        classes,
        text_weights,
        seed=0,
        device=torch.device("cpu"),
        widths=trained_on.widths,
        encoder=trained_on.visual.encoder,
    )
    with safe_open(path, framework="pt") as file:
        learned = {name: file.get_tensor(name) for name in file.keys() if name.startswith(PROMPT)}  # noqa: SIM118
    expected = {
        name: tensor.shape
        for name, tensor in learner.state_dict().items()
        if name.startswith(PROMPT) and not name.startswith(FROZEN)
    }
    for name in sorted(expected.keys() | learned.keys()):
        if name not in learned or learned[name].shape != expected.get(name):
            raise InputError(
                f"{path}: tensor {name} is missing or does not fit; other classes need the learned context"
            )
    learner.load_state_dict(learned, strict=False)
    with torch.inference_mode():
        return learner.text()


def _untrained(header: Header, classes: LabelSet) -> tuple[str, ...]:
    """Give the codes of classes in words of which the training had no examples."""
    labels = header.labels
    known = {same_to_a_reader(prompt) for prompt in (labels.words if labels else header.prompts)}
    return tuple(
        code for code, word in zip(classes.codes, classes.words, strict=True) if same_to_a_reader(word) not in known
    )
