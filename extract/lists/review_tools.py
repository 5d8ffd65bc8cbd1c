"""The tools in which people review detections, and how their exports are read."""

from collections.abc import Callable, Mapping
from pathlib import Path

from extract.lists.fiftyone import read_labels
from extract.lists.label_studio import read_annotations
from extract.lists.reviewed import ReviewedVideo

LABEL_STUDIO, FIFTYONE = "label-studio", "fiftyone"
# Each gives the reviewed videos of a file, and how many others it names.
TOOLS: Mapping[str, Callable[[Path], tuple[list[ReviewedVideo], int]]] = {
    LABEL_STUDIO: read_annotations,
    FIFTYONE: read_labels,
}
