"""One record a table of the paper: its title, what names a row, what it needs, and which numbers it shows."""

from dataclasses import dataclass

# Of instance-level mAP; a metrics file names them so.
IOU_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class Column:
    """One number of a table.

    Attributes:
        name: Its column in the reported table; ``reported_<name>``, and ``measured_<name>_mean``,
            ``_std``, ``_low`` and ``_high`` in the result.
        keys: Where a metrics file has it, from the outside in.
    """

    name: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """What is known of one table.

    Attributes:
        title: In words.
        frame: Whether it shows a frame-level number.
        instance: ``""``, or the part of instance-level mAP that it shows: ``all`` thresholds and their mean, or the
            ``mean`` alone.
        row_keys: Columns of its reported file whose cells, joined by ``/``, name a row.
        needs: What a data set must have for it, where that is more than events in frames.
        branch: Whose anomaly score it shows unless told otherwise.
    """

    title: str
    frame: bool = True
    instance: str = ""
    row_keys: tuple[str, ...] = ("method",)
    needs: str = ""
    branch: str = "alignment"

    @property
    def causal(self) -> bool:
        """Whether all it shows can be measured as live."""
        return self.frame and not self.instance

    @property
    def measures(self) -> tuple[str, ...]:
        """The frame-level measures it may show; beside mAP, AP alone."""
        return ("ap",) if self.instance else ("ap", "auc")


_CLASSES = "segments with classes"
_SOUND_AND_CLASSES = f"audio and {_CLASSES}"
TABLES: dict[int, Table] = {
    1: Table("frame level"),
    2: Table("instance level", frame=False, instance="all", needs=_CLASSES),
    3: Table("frame level, CCTV-Fights", branch="classification"),
    4: Table(
        "components", instance="mean", row_keys=("av_fusion", "av_prompt", "focal_loss"), needs=_SOUND_AND_CLASSES
    ),
    5: Table("fusions", instance="mean", row_keys=("fusion",), needs=_SOUND_AND_CLASSES),
    6: Table("distillation", instance="mean", needs=_SOUND_AND_CLASSES),
}


def columns_of(table: Table, branch: str, protocol: str, measure: str) -> tuple[Column, ...]:
    """Give the numbers that a table shows.

    Args:
        table: The table.
        branch: ``classification`` or ``alignment``.
        protocol: ``released``; ``exact`` and ``causal`` of frame-level numbers, ``abnormal`` of a table of mAP alone.
        measure: ``ap`` or ``auc``.
    """
    # Beside a frame-level number, whose protocol it is, mAP is always as released.
    of_map = "released" if table.frame else protocol
    frame = [Column(measure, (branch, protocol, measure))] if table.frame else []
    every = [Column(f"map_{threshold}", ("map", of_map, str(threshold))) for threshold in IOU_THRESHOLDS]
    mean = [Column("avg", ("map", of_map, "avg"))]
    return (*frame, *(every if table.instance == "all" else []), *(mean if table.instance else []))
