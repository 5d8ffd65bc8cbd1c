"""From TensorBoard's events to the CSV that drawings read."""

import os
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

from extract.base.errors import InputError
from train.curves import main


def report(folder: Path, first: int, losses: list[float], **others: float) -> None:
    """Report epochs from ``first`` on, as the trainer does after a start or a resumption."""
    started = len(list(folder.glob("events.*")))
    with SummaryWriter(str(folder), purge_step=first) as writer:
        for epoch, loss in enumerate(losses, start=first):
            for name, value in {"total": loss, **others}.items():
                writer.add_scalar(name, value, epoch)
    # Event files are read in the order of their names: the second of the start, then a number that sorts 10 before 9.
    # No two starts of a trainer fall in one second; here they do.
    (fresh,) = folder.glob(f"events.*.{os.getpid()}.*")
    fresh.rename(folder / f"events.out.tfevents.{1_700_000_000 + started}.started.one.by.one")


def written(folder: Path) -> list[str]:
    main([str(folder), "--out", str(folder / "curves.csv")])
    return (folder / "curves.csv").read_text().splitlines()


def test_every_epoch_is_a_line_with_what_was_reported(tmp_path: Path) -> None:
    report(tmp_path, 1, [2.0, 1.5], selection_score=0.25)
    assert written(tmp_path) == ["epoch,total,selection_score", "1,2,0.25", "2,1.5,0.25"]


def test_an_epoch_trained_again_after_a_kill_counts_once(tmp_path: Path) -> None:
    report(tmp_path, 1, [3.0, 2.0, 9.0])
    report(tmp_path, 3, [1.0, 0.5])
    assert written(tmp_path) == ["epoch,total", "1,3", "2,2", "3,1", "4,0.5"]


def test_a_training_begun_anew_leaves_nothing_of_the_one_before(tmp_path: Path) -> None:
    report(tmp_path, 1, [3.0, 2.0, 1.0])
    report(tmp_path, 1, [4.0])
    assert written(tmp_path) == ["epoch,total", "1,4"]


def test_hundreds_of_epochs_are_all_kept(tmp_path: Path) -> None:
    report(tmp_path, 1, [float(epoch) for epoch in range(1, 301)])
    assert written(tmp_path)[1:] == [f"{epoch},{epoch}" for epoch in range(1, 301)]


def test_a_folder_without_events_is_refused_by_name(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match=f"{folder}: has no TensorBoard event file"):
            main([str(folder), "--out", str(tmp_path / "curves.csv")])
