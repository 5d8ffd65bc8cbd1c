"""Names as lists write them and as disks have them: an accent may be one character or two, and is the same name.

Names are kept in the form of one character (Unicode's NFC). macOS, and archives made there, have the other one (NFD).
"""

import unicodedata
from pathlib import Path, PurePosixPath


def one_form(text: str) -> str:
    """Give text with every accent as one character."""
    return unicodedata.normalize("NFC", text)


def on_disk(folder: Path, name: PurePosixPath) -> Path:
    """Find a file by its path below a folder, in whichever form the disk has it.

    Returns:
        The file as the disk names it; ``folder / name`` if there is none.
    """
    if (folder / name).exists():
        return folder / name
    found = folder
    for part in name.parts:
        try:
            entries = sorted(entry.name for entry in found.iterdir())
        except OSError:
            return folder / name
        found = found / next((entry for entry in entries if one_form(entry) == one_form(part)), part)
    return found if found.exists() else folder / name
