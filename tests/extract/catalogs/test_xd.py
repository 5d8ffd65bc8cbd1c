import json
from pathlib import Path

import pytest

from extract.base.errors import InputError
from extract.catalog import Segment, read_catalog
from extract.xd import labels_of, main, read_annotations, read_frame_annotations

SPANS = "frames.txt"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "train/part 1/v=a__#1_label_A.mp4",
        "train/part 2/Film.2001__#00-01_00-02_label_B2-G-0.mp4",
        "test/v=n__#1_label_A.mp4",
        "test/v=b@2__#1_label_B1-0-0.mp4",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "annotations.txt").write_text("v=b@2__#1_label_B1-0-0.mp4 B1 5 90 B1 100 120 \n")
    return tmp_path


def run(folder: Path, train: str = "train", test: str = "test") -> None:
    paths = {"train": train, "test": test, "annotations": "annotations.txt", "out": "catalog.jsonl"}
    main([word for flag, name in paths.items() for word in (f"--{flag}", str(folder / name))])


def run_with_frames(folder: Path, lines: str) -> None:
    (folder / SPANS).write_text(lines)
    paths = {"train": "train", "test": "test", "annotations": "annotations.txt", "out": "catalog.jsonl"}
    words = [word for flag, name in (paths | {"frame-annotations": SPANS}).items() for word in (f"--{flag}", name)]
    main([word if word.startswith("--") else str(folder / word) for word in words])


def test_folders_and_annotations_become_a_catalog(folder: Path) -> None:
    run(folder)
    videos = {video.video_id: video for video in read_catalog(folder / "catalog.jsonl")}
    assert [video.split for video in videos.values()] == ["train", "train", "test", "test"]
    assert videos["Film.2001__#00-01_00-02_label_B2-G-0"].labels == ("B2", "G")
    assert videos["v=b@2__#1_label_B1-0-0"].segments == (Segment("B1", 5, 90), Segment("B1", 100, 120))
    assert videos["v=n__#1_label_A"].segments is None
    assert Path(videos["v=a__#1_label_A"].path).exists()


def test_an_annotation_for_an_absent_video_is_named(folder: Path) -> None:
    with (folder / "annotations.txt").open("a") as file:
        file.write("gone_label_G-0-0 G 1 2\n")
    with pytest.raises(InputError, match=r"annotations\.txt.*'gone_label_G-0-0'"):
        run(folder)
    assert not (folder / "catalog.jsonl").exists()


def test_a_violent_test_video_without_annotation_is_named(folder: Path) -> None:
    (folder / "test" / "new_label_B4-0-0.mp4").touch()
    with pytest.raises(InputError, match="'new_label_B4-0-0'"):
        run(folder)


def test_an_unknown_code_in_a_name_is_refused(folder: Path) -> None:
    (folder / "train" / "x_label_B3-0-0.mp4").touch()
    with pytest.raises(InputError, match=r"x_label_B3-0-0\.mp4.*'B3'"):
        run(folder)


def test_one_name_in_two_folders_is_refused(folder: Path) -> None:
    (folder / "train" / "v=n__#1_label_A.mp4").touch()
    with pytest.raises(InputError, match="the same name"):
        run(folder)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("v_label_B1-0-0 B1 5", "line 2: after the name"),
        ("v_label_B1-0-0 B7 5 9", "line 2: unknown label code 'B7'"),
        ("v_label_B1-0-0 B1 9 5", "line 2: B1 9 5"),
        ("v_label_B1-0-0 B1 a 5", "line 2: B1 a 5"),
        ("v_label_B1-0-0", "line 2: after the name"),
        ("a_label_G-0-0 G 1 2", "line 2: 'a_label_G-0-0' stands there twice"),
    ],
)
def test_a_malformed_annotation_names_its_line(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "annotations.txt"
    path.write_text(f"a_label_G-0-0 G 1 2\n{line}\n")
    with pytest.raises(InputError, match=reason):
        read_annotations(path)


def test_a_name_without_label_is_refused() -> None:
    with pytest.raises(InputError, match=r"holiday\.mp4.*no label"):
        labels_of("holiday", "holiday.mp4")


def test_any_usual_video_file_counts(folder: Path) -> None:
    (folder / "train" / "v=m__#1_label_G-0-0.MKV").touch()
    run(folder)
    assert "v=m__#1_label_G-0-0" in {video.video_id for video in read_catalog(folder / "catalog.jsonl")}


def test_lists_of_features_or_ids_give_videos_without_paths(folder: Path) -> None:
    run(folder)
    expected = [(video.video_id, video.labels, video.segments) for video in read_catalog(folder / "catalog.jsonl")]
    with_features = [f"/x/{name}__5.npy,/x/{name}.npy,{'-'.join(labels)}" for name, labels, _ in expected[:2]]
    (folder / "train.csv").write_text("\n".join(["path,audio_path,label", *with_features]))
    (folder / "test.csv").write_text("video_id,label\nv=b@2__#1_label_B1-0-0,B1-0-0\nv=n__#1_label_A,A\n")
    run(folder, train="train.csv", test="test.csv")
    videos = read_catalog(folder / "catalog.jsonl")
    assert sorted((video.video_id, video.labels, video.segments) for video in videos) == sorted(expected)
    assert {video.path for video in videos} == {""}


def test_a_list_that_contradicts_a_name_is_refused(folder: Path) -> None:
    (folder / "test.csv").write_text("video_id,label\nv=n__#1_label_A,A\nv=b@2__#1_label_B1-0-0,B1-G\n")
    with pytest.raises(InputError, match=r"test\.csv, line 3: label 'B1-G' contradicts .*'v=b@2__#1_label_B1-0-0'"):
        run(folder, test="test.csv")


def test_every_skipped_or_repaired_line_is_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "annotations.txt"
    path.write_text("\n" + path.read_text())
    run_with_frames(folder, "\nv=b@2__#1_label_B1-0-0.mp4 5 90\n")
    assert capsys.readouterr().err == "".join(
        f"{file}: 1 line blank, skipped: 1\n{file}: 1 line with .mp4 after the name, which is dropped: 2\n"
        for file in (path, folder / SPANS)
    )


def test_annotations_without_classes_are_told_apart(folder: Path) -> None:
    (folder / "annotations.txt").write_text("v=b@2__#1_label_B1-0-0 5 90 100 120\n")
    with pytest.raises(InputError, match=r"line 1: .*annotations_multiclasses\.txt is needed"):
        run(folder)


REAL = Path(__file__).parents[4] / "shared" / "data" / "xd"


@pytest.mark.skipif(not REAL.exists(), reason="needs XD-Violence's own lists in ../shared/data/xd")
def test_the_real_annotations_and_names_are_read() -> None:
    segments = read_annotations(REAL / "annotations_multiclasses.txt")
    names = (REAL / "test_videos.csv").read_text().split("\n")[1:]
    ids = [name.rsplit(",", 1)[0] for name in names if name]
    violent = {video_id for video_id in ids if labels_of(video_id, "list") != ("A",)}
    assert (len(ids), len(violent)) == (800, 500)
    assert set(segments) <= violent


@pytest.mark.skipif(not REAL.exists(), reason="needs XD-Violence's own lists in ../shared/data/xd")
def test_the_real_lists_give_the_segments_that_the_released_evaluation_uses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    annotations, frames = REAL / "annotations_multiclasses.txt", REAL / "annotations.txt"
    lists = [
        "--frame-annotations",
        str(frames),
        "--train",
        str(REAL / "train_videos.csv"),
        "--test",
        str(REAL / "test_videos.csv"),
    ]
    main([*lists, "--annotations", str(annotations), "--out", str(tmp_path / "catalog.jsonl")])
    assert capsys.readouterr().err.splitlines() == [
        f"{annotations}: 14 lines with .mp4 after the name, which is dropped: 199-212",
        f"{annotations}: 'Ip.Man.2008__#01-40-37_01-42-07_label_B4-0-0' has events B1 that its name does not say; kept",
        f"{frames}: 14 lines with .mp4 after the name, which is dropped: 199-212",
    ]
    videos = read_catalog(tmp_path / "catalog.jsonl")
    test = [video for video in videos if video.split == "test"]
    assert (len(videos), len(test)) == (4754, 800)
    for video, released in zip(test, json.loads((REAL / "gt_xd.json").read_text()), strict=True):
        if video.segments is None:
            assert video.labels == ("A",) == tuple(released["labels"])
        else:
            assert [event.label for event in video.segments] == released["labels"]
            assert [[event.start, event.end] for event in video.segments] == released["segments"]


def test_a_normal_video_with_violent_events_is_refused(folder: Path) -> None:
    annotations = folder / "annotations.txt"
    annotations.write_text(annotations.read_text() + "v=n__#1_label_A G 1 5\n")
    with pytest.raises(InputError, match=r"gives .*_label_A' the events G, but its name says that it is normal"):
        run(folder)


def test_the_frames_of_the_published_numbers_stand_beside_the_events(folder: Path) -> None:
    run_with_frames(folder, "v=b@2__#1_label_B1-0-0 5 90 100 121\n")
    videos = {video.video_id: video for video in read_catalog(folder / "catalog.jsonl")}
    fight = videos["v=b@2__#1_label_B1-0-0"]
    assert fight.segments == (Segment("B1", 5, 90), Segment("B1", 100, 120))
    assert fight.released_frames == ((5, 90), (100, 121))
    assert videos["v=n__#1_label_A"].released_frames is None


def test_without_the_frames_of_the_published_numbers_the_catalog_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder)
    assert "its frames count in protocol released too; the published numbers were made with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("v=b@2__#1_label_B1-0-0 B1 5 90\n", r"line 1: .*annotations\.txt is needed"),
        ("v=b@2__#1_label_B1-0-0 5 90 100\n", "line 1: after the name must follow pairs"),
        ("v=b@2__#1_label_B1-0-0 90 5\n", "line 1: from 90 5 must be whole frames with start < end"),
        ("v=b@2__#1_label_B1-0-0 5 90\nv=n__#1_label_A 1 5\n", "annotates 'v=n__#1_label_A', but its name says"),
        ("v=n__#1_label_A 1 5\n", "says that it is normal|is labelled B1 but has no line there"),
        ("v=b@2__#1_label_B1-0-0 5 90\ngone_label_G-0-0 1 2\n", "annotates 1 videos .*'gone_label_G-0-0'"),
    ],
)
def test_frames_that_do_not_belong_to_the_videos_are_refused(folder: Path, lines: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"{SPANS}.*({message})"):
        run_with_frames(folder, lines)
    assert not (folder / "catalog.jsonl").exists()


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real annotations are not in {REAL}")
def test_the_two_real_annotation_files_differ_in_five_videos_and_143_frames() -> None:
    events = read_annotations(REAL / "annotations_multiclasses.txt")
    frames = read_frame_annotations(REAL / "annotations.txt")
    assert frames.keys() == events.keys()
    differing = {
        name: {i for start, end in frames[name] for i in range(start, end)}
        ^ {i for event in events[name] for i in range(event.start, event.end)}
        for name in frames
    }
    counts = sorted(len(frames) for frames in differing.values() if frames)
    assert counts == [1, 1, 1, 1, 139]
