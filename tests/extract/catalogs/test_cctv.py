import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from extract.base.errors import InputError
from extract.catalog import Segment, Video, read_catalog
from extract.cctv import main
from tests.extract.made_videos import cut_short, numbered, write_numbered, write_video

LABELLED = "fight_0002_label_B1-0-0"


def entry(*spans: Sequence[Any], **fields: Any) -> dict[str, Any]:
    return {"subset": "testing", "annotations": [{"segment": list(span), "label": "Fight"} for span in spans], **fields}


def list_of(folder: Path, name: str, *rows: str) -> Path:
    (folder / name).write_text("\n".join(["video_id,label", *rows]) + "\n")
    return folder / name


def run(folder: Path, annotations: str | dict[str, Any], test: str = "test.csv") -> dict[str, Video]:
    """Make a catalog with one training video; annotations are text or the JSON's ``database``."""
    if not (folder / "train.csv").exists():
        list_of(folder, "train.csv", "fight_0001_label_B1-0-0,B1-0-0")
    path = folder / ("annotations.txt" if isinstance(annotations, str) else "groundtruth.json")
    path.write_text(annotations if isinstance(annotations, str) else json.dumps({"database": annotations}))
    paths = {"train": "train.csv", "test": test, "annotations": path.name, "out": "catalog.jsonl"}
    main([word for flag, name in paths.items() for word in (f"--{flag}", str(folder / name))])
    return {video.video_id: video for video in read_catalog(folder / "catalog.jsonl")}


def test_annotated_frames_become_a_catalog(tmp_path: Path) -> None:
    list_of(tmp_path, "test.csv", f"{LABELLED},B1-0-0", "fight_0004_label_A,A")
    videos = run(tmp_path, f"{LABELLED} 1 43 161 421\n")
    assert [video.split for video in videos.values()] == ["train", "test", "test"]
    assert videos[LABELLED].labels == ("B1",)
    assert videos[LABELLED].segments == (Segment("B1", 1, 43), Segment("B1", 161, 421))
    assert videos["fight_0004_label_A"].segments is None


def test_names_without_label_get_it_from_the_annotations(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    for name in ("fight_0002.mpeg", "fight_0003.mpeg"):
        write_numbered((tmp_path / "test" / name).with_suffix(".mp4"), 50)
    videos = run(tmp_path, {"fight_0002": entry([0.4, 1.0]), "fight_0003": entry()}, "test")
    assert videos["fight_0002"].labels == ("B1",)
    assert videos["fight_0003"].labels == ("A",)
    assert videos["fight_0003"].segments is None


def test_a_list_labels_a_training_video_that_nothing_else_labels(tmp_path: Path) -> None:
    list_of(tmp_path, "train.csv", "fight_0001,B1-0-0")
    list_of(tmp_path, "test.csv", f"{LABELLED},B1-0-0")
    assert run(tmp_path, f"{LABELLED} 1 43\n")["fight_0001"].labels == ("B1",)


def test_a_video_that_nothing_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "fight_0009.mpeg").touch()
    (tmp_path / "test" / f"{LABELLED}.mpeg").touch()
    with pytest.raises(InputError, match=r"fight_0009\.mpeg: neither a name"):
        run(tmp_path, f"{LABELLED} 1 43\n", "test")


def test_seconds_follow_the_times_at_which_the_videos_frames_are_shown(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    times = [0, 0.04, 0.08, 1.0, 2.0, 2.04, 2.08]
    write_video(tmp_path / "test" / f"{LABELLED}.mkv", [numbered(index) for index in range(7)], times=times)
    video = run(tmp_path, {"fight_0002": entry([0.5, 2.0], frame_rate=25)}, "test")[LABELLED]
    assert video.segments == (Segment("B1", 2, 4),)
    assert video.frames == 7
    # Four of six frames last 0.04 s; the two long ones are no frame rate.
    assert video.fps == pytest.approx(25)


def test_without_a_video_seconds_follow_the_annotated_frame_rate(tmp_path: Path) -> None:
    list_of(tmp_path, "test.csv", f"{LABELLED},B1-0-0")
    video = run(tmp_path, {"fight_0002": entry([1.43, 5.37], ["6.0", "6.01"], frame_rate="30")})[LABELLED]
    assert video.segments == (Segment("B1", 43, 161), Segment("B1", 180, 181))
    assert (video.frames, video.fps) == (None, None)


def test_seconds_with_neither_video_nor_frame_rate_are_refused(tmp_path: Path) -> None:
    list_of(tmp_path, "test.csv", f"{LABELLED},B1-0-0")
    with pytest.raises(InputError, match=r"groundtruth\.json, database, 'fight_0002': .*frame_rate is needed"):
        run(tmp_path, {"fight_0002": entry([1, 2])})


def test_a_video_that_cannot_be_read_is_placed_by_the_frame_rate_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test").mkdir()
    cut_short(write_numbered(tmp_path / f"{LABELLED}.mp4", 60), 0.5).rename(tmp_path / "test" / f"{LABELLED}.mp4")
    video = run(tmp_path, {"fight_0002": entry([1, 2], frame_rate=25)}, "test")[LABELLED]
    assert video.segments == (Segment("B1", 25, 50),)
    assert "placed by the frame rate in the annotations" in capsys.readouterr().err


def test_a_fight_past_the_videos_end_is_cut_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test").mkdir()
    write_numbered(tmp_path / "test" / f"{LABELLED}.mp4", 50)
    video = run(tmp_path, {"fight_0002": entry([1, 2.5])}, "test")[LABELLED]
    assert video.segments == (Segment("B1", 25, 50),)
    assert "'fight_0002': a fight ends at 2.5 s" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"'fight_0002': a fight begins at 2.5 s, but .* ends at 2.000 s"):
        run(tmp_path, {"fight_0002": entry([2.5, 3])}, "test")


def test_entries_of_videos_not_at_hand_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    list_of(tmp_path, "test.csv", f"{LABELLED},B1-0-0")
    run(tmp_path, {name: entry([1, 2], frame_rate=25) for name in ("fight_0002", "fight_0500", "fight_0501")})
    assert "2 of 3 entries are of videos not at hand, first 'fight_0500'" in capsys.readouterr().err


def test_blank_and_repaired_lines_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    list_of(tmp_path, "test.csv", f"{LABELLED},B1-0-0")
    run(tmp_path, f"\n{LABELLED}.mp4 1 43\n")
    error = capsys.readouterr().err
    assert "annotations.txt: 1 line blank, skipped: 1\n" in error
    assert "annotations.txt: 1 line with .mp4 after the name, which is dropped: 2\n" in error


@pytest.mark.parametrize(
    ("rows", "annotations", "reason"),
    [
        (
            [f"{LABELLED},B1-0-0", "fight_0003_label_B1-0-0,B1"],
            f"{LABELLED} 1 2",
            r"no entry for test video 'fight_0003",
        ),
        ([f"{LABELLED},B1-0-0"], f"{LABELLED} 1 2\nfight_0003 1 2", r"annotates 1 videos .* first 'fight_0003'"),
        ([f"{LABELLED},A"], f"{LABELLED} 1 2", r"test\.csv, line 2: label 'A' contradicts"),
        (["fight_0002_label_A,A"], f"{LABELLED} 1 2", r"test\.csv, line 2: is labelled A, but .* gives it 1 fights"),
        (["fight_0002_label_G-0-0,G"], f"{LABELLED} 1 2", r"test\.csv, line 2: unknown label code 'G'"),
        (["fight_0001,B1"], "fight_0001 1 2", r"test\.csv, line 2: .*train\.csv, line 2 has the same name"),
        ([f"{LABELLED},B1"], {"fight_0002": entry()}, "gives no fight for test video"),
    ],
)
def test_what_contradicts_itself_is_refused(
    tmp_path: Path, rows: list[str], annotations: str | dict[str, Any], reason: str
) -> None:
    list_of(tmp_path, "test.csv", *rows)
    with pytest.raises(InputError, match=reason):
        run(tmp_path, annotations)
    assert not (tmp_path / "catalog.jsonl").exists()


@pytest.mark.parametrize("fields", ["", " 1", " 5 5", " 9 5", " 1 x", " 1.5 2"])
def test_a_malformed_line_is_named(tmp_path: Path, fields: str) -> None:
    list_of(tmp_path, "test.csv", f"{LABELLED},B1-0-0")
    with pytest.raises(InputError, match=r"annotations\.txt, line 2: "):
        run(tmp_path, f"fight_0003 1 2\n{LABELLED}{fields}\n")


def test_a_video_annotated_twice_is_named(tmp_path: Path) -> None:
    list_of(tmp_path, "test.csv", f"{LABELLED},B1-0-0")
    with pytest.raises(InputError, match=r"line 2: 'fight_0002' stands there twice"):
        run(tmp_path, f"{LABELLED} 1 2\nfight_0002 3 4\n")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ([], "'fight_0002': must be an object with a list 'annotations'"),
        ({"annotations": {}}, "'fight_0002': must be an object"),
        ({"annotations": [{"segment": [1]}]}, r"annotations\[0\]: must have a field 'segment'"),
        ({"annotations": [[1, 2]]}, r"annotations\[0\]: must have a field 'segment'"),
        (entry([1, 2], [4, 3]), r"annotations\[1\], segment: \[4.0, 3.0\] must have start < end"),
        (entry([-1, 2]), "segment: -1 must be a number"),
        (entry([1, "x"]), "segment: 'x' must be a number"),
        (entry([1, float("inf")]), "segment: inf must be a number"),
        (entry([1, float("nan")]), "segment: nan must be a number"),
        (entry([True, 2]), "segment: True must be a number"),
        (entry([1, 10**400]), "segment: 1000.* must be a number"),
        (entry([1, 2], frame_rate=0), "frame_rate: must be positive"),
        (entry([1, 2], frame_rate="fast"), "frame_rate: 'fast' must be a number"),
    ],
)
def test_a_malformed_entry_is_named(tmp_path: Path, broken: Any, reason: str) -> None:
    list_of(tmp_path, "test.csv", f"{LABELLED},B1-0-0")
    with pytest.raises(InputError, match=rf"groundtruth\.json, database, .*{reason}"):
        run(tmp_path, {"fight_0002": broken})


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"database": []}', b'{"database": {}}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_ground_truth_is_named(tmp_path: Path, content: bytes) -> None:
    list_of(tmp_path, "both.csv", f"{LABELLED},B1-0-0")
    list_of(tmp_path, "train.csv", "fight_0001,B1")
    (tmp_path / "groundtruth.json").write_bytes(content)
    paths = {"train": "train.csv", "test": "both.csv", "annotations": "groundtruth.json", "out": "catalog.jsonl"}
    with pytest.raises(InputError, match=r"groundtruth\.json: "):
        main([word for flag, name in paths.items() for word in (f"--{flag}", str(tmp_path / name))])


REAL = Path(__file__).parents[4] / "shared" / "data" / "cctv"
needs_real = pytest.mark.skipif(not REAL.exists(), reason="needs CCTV-Fights_sub's annotations in ../shared/data/cctv")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> list[Video]:
    folder = tmp_path_factory.mktemp("cctv")
    names = [line.split()[0] for line in (REAL / "annotations_cctv.txt").read_text().splitlines()]
    list_of(folder, "test.csv", *(f"{name},B1-0-0" for name in names))
    videos = run(folder, (REAL / "annotations_cctv.txt").read_text())
    return [video for video in videos.values() if video.split == "test"]


@needs_real
def test_the_real_annotations_are_what_the_released_evaluation_uses(real: list[Video]) -> None:
    released = json.loads((REAL / "gt_cctv.json").read_text())
    assert len(real) == 157
    for video, expected in zip(real, released, strict=True):
        assert [event.label for event in video.segments or ()] == expected["labels"]
        assert [[event.start, event.end] for event in video.segments or ()] == expected["segments"]


def annotated_frames(video: Video) -> NDArray[np.bool_]:
    """Which frames up to the last annotated one lie in a fight."""
    fights = video.segments or ()
    frames = np.zeros(max(event.end for event in fights), bool)
    for event in fights:
        frames[event.start : event.end] = True
    return frames


# Of a piece of the joined labels: where it starts and ends, and how many annotated frames have no label.
Piece = tuple[int, int, int]


def pieces_from(joined: NDArray[np.bool_], start: int, frames: NDArray[np.bool_], most: int) -> list[Piece]:
    """Give all pieces from ``start`` whose labels are all annotated and that lack at most ``most`` annotated frames."""
    after = joined[start + len(frames) :]
    expected = np.zeros(len(frames) + (int(after.argmax()) if after.any() else len(after)), bool)
    expected[: len(frames)] = frames
    labels = joined[start : start + len(expected)]
    expected = expected[: len(labels)]
    strange = labels & ~expected
    length = int(strange.argmax()) if strange.any() else len(labels)
    # Labels that a piece lacks because it ends too early count as well.
    lacking = (np.cumsum(expected & ~labels) + frames.sum() - np.cumsum(expected))[:length][3::4]
    return [(start, start + 4 * (int(index) + 1), int(lacking[index])) for index in np.flatnonzero(lacking <= most)]


def all_cuts(joined: NDArray[np.bool_], annotated: Sequence[NDArray[np.bool_]], most: int) -> list[list[Piece]]:
    """Cut joined labels into one piece for each annotation, in every way that lacks at most ``most`` annotated frames.

    Pieces are multiples of four frames long, and every labelled frame is annotated.

    Returns:
        For each annotation the pieces it has in any of these ways; one if there is no doubt.
    """
    fewest = {0: 0}
    layers: list[list[Piece]] = []
    for frames in annotated:
        pieces = [piece for start, lost in fewest.items() for piece in pieces_from(joined, start, frames, most - lost)]
        layers.append(pieces)
        before, fewest = fewest, {}
        for start, end, lost in pieces:
            fewest[end] = min(fewest.get(end, most), before[start] + lost)
    ends = {len(joined)}
    for index, pieces in reversed(list(enumerate(layers))):
        layers[index] = [piece for piece in pieces if piece[1] in ends]
        ends = {start for start, _, _ in layers[index]}
    return layers


@needs_real
def test_the_released_frame_labels_lack_the_last_fight_of_two_videos(real: list[Video]) -> None:
    joined = np.load(REAL / "gt_cctv.npy", allow_pickle=False) == 1
    annotated = [annotated_frames(video) for video in real]
    lacking = sum(int(frames.sum()) for frames in annotated) - int(joined.sum())
    # However the labels are cut, at least this many frames differ. No more do exactly where every labelled frame is
    # annotated, and of these cuts all are found.
    assert lacking == 78_907 - 78_796 == 111
    ways = all_cuts(joined, annotated, lacking)

    assert [len(pieces) for pieces in ways] == [1] * len(real), "some length is in doubt"
    cuts = {video.video_id: pieces[0] for video, pieces in zip(real, ways, strict=True)}
    differing = {name: (end - start, lost) for name, (start, end, lost) in cuts.items() if lost}
    assert differing == {"fight_0006_label_B1-0-0": (1824, 46), "fight_0768_label_B1-0-0": (1204, 65)}
    for video in real:
        start, end, lost = cuts[video.video_id]
        fights = video.segments or ()
        # None is annotated beyond its end; where frames differ, it is the whole last fight that has no label.
        assert fights[-1].end <= end - start
        assert lost in (0, fights[-1].end - fights[-1].start)
        assert joined[start + fights[-1].start : start + fights[-1].end].all() == (lost == 0)
