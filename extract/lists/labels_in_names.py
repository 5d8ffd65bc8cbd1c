"""The class that a video's name tells, by its data set's ``normal_names`` and ``class_names``."""

import re

from extract.base.errors import InputError
from extract.datasets import DataSet
from extract.lists.video_sources import codes_in_name


def labels_in_name(labels: DataSet, video_id: str, where: str) -> tuple[str, ...]:
    """Give the label codes that a name tells: several only where names end in ``_label_B1-G-0``.

    Args:
        labels: The data set.
        video_id: The name.
        where: File, or list and line, for the message.

    Raises:
        InputError: If the name tells no class of the data set.
    """
    if not labels.normal_names:
        codes = codes_in_name(video_id)
        if not codes:
            raise InputError(f"{where}: the name of {video_id!r} carries no label; it must end as in _label_B1-0-0")
        unknown = [code for code in codes if code not in labels.codes]
        if unknown:
            raise InputError(f"{where}: unknown label code {unknown[0]!r}; this data set has {', '.join(labels.codes)}")
        return codes
    return (label_in_name(labels, video_id, where),)


def label_in_name(labels: DataSet, video_id: str, where: str) -> str:
    """Give the one class that a name tells; arguments and errors are those of ``labels_in_name``."""
    if re.fullmatch(labels.normal_names, video_id, re.DOTALL):
        return labels.normal
    if not labels.class_names:
        return labels.codes[1]
    match = re.fullmatch(labels.class_names, video_id, re.DOTALL)
    code = match and code_of(labels, match["code"])
    if not code:
        raise InputError(
            f"{where}: the name of {video_id!r} tells no class of {labels.name}, which has {', '.join(labels.codes)}; "
            "use a CSV list with a label"
        )
    return code


def code_of(labels: DataSet, text: str) -> str | None:
    """Find the class that a text spells in any way (``Car Accident``, ``car_accident``); ``None`` if there is none."""
    spelled = _letters(text)
    for code, prompt in zip(labels.model_codes, labels.prompts, strict=True):
        if spelled in (_letters(code), _letters(prompt)) and code in labels.codes:
            return code
    return None


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
