"""What scores were made of: a JSON object that follows them into the metrics and the tables."""

from dataclasses import dataclass, fields
from typing import Any

from extract.base.errors import InputError


@dataclass(frozen=True)
class Provenance:
    """Where scores come from; it follows them into the metrics and the tables.

    Every value may be left empty, as files that other tools made do.

    Attributes:
        method: Name of the method, for example ``vadclip``.
        architecture: Shape of the network, in words.
        seed: Seed of the training; ``None`` if unknown.
        selection: Which epoch was kept: ``last``, ``validation`` or ``released`` (best on the test set).
        recipe: How it was trained, in words; stands in every table's note.
        encoders: Encoders behind the features.
        weights: Identities of their weights; ``random:<seed>`` marks untrained ones.
        precision: Precision they ran in.
        preprocessing: What happened before them, in words.
        features: Which features were scored: recomputed or released, stride, crop.
        note: Free text for the tables.
        mismatch: What the scored shards and the checkpoint disagree in, one sentence each.
        checkpoint_sha256: Of the checkpoint.
    """

    method: str = ""
    architecture: str = ""
    seed: int | None = None
    selection: str = ""
    recipe: str = ""
    encoders: str = ""
    weights: str = ""
    precision: str = ""
    preprocessing: str = ""
    features: str = ""
    note: str = ""
    mismatch: tuple[str, ...] = ()
    checkpoint_sha256: str = ""


def parse_provenance(values: Any, where: str) -> Provenance:
    """Read provenance from parsed JSON.

    Args:
        values: An object with any of the fields of ``Provenance``; further ones are ignored.
        where: File and field, for the message.

    Raises:
        InputError: If ``values`` is no object or a field has another type.
    """
    if not isinstance(values, dict):
        raise InputError(f"{where} must be a JSON object, not {values!r}")
    known = {entry.name: values[entry.name] for entry in fields(Provenance) if entry.name in values}
    for name, value in known.items():
        if name == "seed":
            good = value is None or (isinstance(value, int) and not isinstance(value, bool))
        elif name == "mismatch":
            good = isinstance(value, list) and all(isinstance(sentence, str) for sentence in value)
        else:
            good = isinstance(value, str)
        if not good:
            kind = {"seed": "a whole number or null", "mismatch": "a list of strings"}.get(name, "a string")
            raise InputError(f"{where}: {name} must be {kind}, not {value!r}")
    return Provenance(**{**known, "mismatch": tuple(known.get("mismatch", ()))})
