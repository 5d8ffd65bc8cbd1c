import json
import re
from pathlib import Path

import pytest

from extract import own
from extract.base.errors import InputError
from extract.catalog import Segment, Video, read_catalog, read_whole_catalog
from extract.check import check
from tests.extract.made_videos import cut_short, numbered, write_numbered, write_video

HEADER = "video,split,labels,segments,unit\n"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at a constant rate, and two seconds in which the frames are far apart in the middle."""
    folder = tmp_path_factory.mktemp("own")
    write_numbered(folder / "steady.mp4", 50)
    (folder / "deep" / "er").mkdir(parents=True)
    times = [0, 0.04, 0.08, 1.0, 2.0, 2.04, 2.08]
    write_video(folder / "deep" / "er" / "uneven.mkv", [numbered(index) for index in range(7)], times=times)
    return folder


def run(folder: Path, source: Path, text: str, name: str = "list.csv", dataset: str = "xd") -> dict[str, Video]:
    (folder / name).write_text(text)
    out = folder / "catalog.jsonl"
    out.unlink(missing_ok=True)
    own.main(["--videos", str(source), "--list", str(folder / name), "--dataset", dataset, "--out", str(out)])
    assert check(out) == ("catalog", [])
    return {video.video_id: video for video in read_catalog(out)}


def test_seconds_become_the_frames_shown_then(tmp_path: Path, source: Path) -> None:
    rows = (
        "steady.mp4,test,B1,B1 0.4 1; fighting 1.2 2,seconds\ndeep/er/uneven.mkv,test,G-B1,explosion 0.5 2.0,seconds\n"
    )
    videos = run(tmp_path, source, HEADER + rows)
    assert videos["steady"].segments == (Segment("B1", 10, 25), Segment("B1", 30, 50))
    assert (videos["steady"].frames, videos["steady"].fps) == (50, 25)
    assert videos["uneven"].segments == (Segment("G", 2, 4),)
    assert videos["uneven"].labels == ("G", "B1")
    assert videos["uneven"].frames == 7
    assert Path(videos["uneven"].path).is_file()


def test_json_lines_say_the_same_as_csv(tmp_path: Path, source: Path) -> None:
    csv = "steady.mp4,test,B1-B6,B1 3 10; car accident 20 50,frames\ndeep/er/uneven.mkv,train,riot,,\n"
    segments = [{"label": "B1", "start": 3, "end": 10}, {"label": "Car Accident", "start": 20, "end": 50}]
    rows = [
        {"video": "steady.mp4", "split": "test", "labels": "fighting-B6", "segments": segments, "unit": "frames"},
        {"video": "deep/er/uneven.mkv", "split": "train", "labels": "b4"},
    ]
    expected = run(tmp_path, source, HEADER + csv)
    assert run(tmp_path, source, "\n".join(map(json.dumps, rows)), "list.jsonl") == expected
    assert expected["steady"].segments == (Segment("B1", 3, 10), Segment("B6", 20, 50))


def test_the_lists_in_the_help_can_be_used_as_they_stand(tmp_path: Path) -> None:
    for name in ("gate/monday.mp4", "gate/tuesday.mp4", "yard/noon.mkv", "yard/night.mkv", "noon.mkv", "a.mkv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_video(
            tmp_path / name, [numbered(number) for number in range(10)], times=[4 * index for index in range(10)]
        )
    examples = [line.strip() for line in own.__doc__.split("\n") if re.match(r" {4}\S", line)]
    videos = run(tmp_path, tmp_path, "\n".join(examples[:5]))
    assert [video.split for video in videos.values()] == ["train", "train", "test", "test"]
    assert videos["tuesday"].labels == ("B1", "B4")
    assert videos["noon"].segments == (Segment("B1", 3, 4), Segment("B1", 5, 8))
    videos = run(tmp_path, tmp_path, "\n".join(examples[5:]), "list.jsonl")
    assert videos["noon"].labels == ("B1", "B4")
    assert videos["a"].segments == (Segment("G", 5, 9),)


def test_every_class_may_be_written_as_code_or_as_word(tmp_path: Path, source: Path) -> None:
    for dataset, pairs in {
        "xd": {"A": "Normal", "B6": "Car Accident", "G": "EXPLOSION"},
        "cctv": {"A": "normal", "b1": "fighting"},
        "ucf": {"Normal": "normal", "RoadAccidents": "roadaccidents", "shoplifting": "Shoplifting"},
    }.items():
        for code, word in pairs.items():
            labels = [
                run(tmp_path, source, f"video,split,labels\nsteady.mp4,train,{name}\n", dataset=dataset)[
                    "steady"
                ].labels
                for name in (code, word)
            ]
            assert labels[0] == labels[1]


def test_normal_test_videos_count_as_their_data_set_counts_them(tmp_path: Path, source: Path) -> None:
    text = "video,split,labels\nsteady.mp4,test,normal\n"
    assert run(tmp_path, source, text, dataset="xd")["steady"].segments is None
    assert run(tmp_path, source, text, dataset="ucf")["steady"].segments == ()


def test_files_that_the_list_does_not_name_are_counted(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, source, "video,split,labels\nsteady.mp4,train,A\n")
    assert f"1 videos are not in the list and left out, first {source}/deep/er/uneven.mkv" in capsys.readouterr().err


def test_segments_of_training_videos_are_reported_and_left_out(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    videos = run(tmp_path, source, f"{HEADER}steady.mp4,train,B1,B1 1 2,seconds\n")
    assert videos["steady"].segments is None
    assert "list.csv: 1 line with segments of a training video, which are not used: 2\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("segment", "unit", "numbers"),
    [
        ("B1 1 2.2", "seconds", r"1\.0 to 2\.2 s, but steady\.mp4 ends at 2\.000 s"),
        ("B1 2.0 2.03", "seconds", r"2\.0 to 2\.03 s, but steady\.mp4 ends at 2\.000 s"),
        ("B1 10 51", "frames", r"ends at frame 51, but steady\.mp4 has 50 frames"),
    ],
)
def test_an_event_past_the_videos_end_names_line_video_and_both_numbers(
    tmp_path: Path, source: Path, segment: str, unit: str, numbers: str
) -> None:
    with pytest.raises(InputError, match=rf"list\.csv, line 2: B1 .*{numbers}"):
        run(tmp_path, source, f"{HEADER}steady.mp4,test,B1,{segment},{unit}\n")
    assert not (tmp_path / "catalog.jsonl").exists()


def test_seconds_within_a_frame_of_the_end_are_cut(tmp_path: Path, source: Path) -> None:
    video = run(tmp_path, source, f"{HEADER}steady.mp4,test,B1,B1 1 2.03,seconds\n")["steady"]
    assert video.segments == (Segment("B1", 25, 50),)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("steady.mp4,test", "has 2 cells, not 5"),
        ("steady.mp4,later,A,,", "split is 'later'"),
        ("steady.mp4,,A,,", "split is missing"),
        (",train,A,,", "video is missing"),
        ("steady.mp4,train,,,", "labels is missing"),
        ("steady.mp4,train,0,,", "label '0' names no class"),
        ("steady.mp4,train,B3,,", r"unknown label 'B3'; label set xd has A \(normal\), B1 \(fighting\)"),
        ("steady.mp4,train,A-B1,,", "say normal and not normal"),
        ("steady.mp4,test,B1,,", "is a test video labelled B1 but has no segments"),
        ("steady.mp4,test,B1,B1 1 2,", "unit is ''; .* must be seconds or frames"),
        ("steady.mp4,test,B1,B1 1 2,hours", "unit is 'hours'"),
        ("steady.mp4,test,B1,B1 2 1,seconds", "B1 2.0 1.0 must have 0 <= start < end"),
        ("steady.mp4,test,B1,B1 1 1,seconds", "B1 1.0 1.0 must have 0 <= start < end"),
        ("steady.mp4,test,B1,B1 1.5 2,frames", "B1 1.5 2.0 must be whole frames"),
        ("steady.mp4,test,B1,B1 1,seconds", "segment 'B1 1' must be a label, start and end"),
        ("steady.mp4,test,B1,1 2,seconds", "segment '1 2' must be"),
        ("steady.mp4,test,B1,B1 -1 2,seconds", "segment 'B1 -1 2' must be"),
        ("steady.mp4,test,B1,B1 1.2.3 4,seconds", "segment 'B1 1.2.3 4' must be"),
        ("steady.mp4,test,B1,B9 1 2,seconds", "unknown label 'B9'"),
        ("steady.mp4,test,B1,G 1 2,seconds", "segment G is not among the labels B1"),
        (f"steady.mp4,test,B1,B1 1 {'9' * 400},frames", "must have 0 <= start < end"),
        ("../steady.mp4,train,A,,", r"video '\.\./steady\.mp4' must be a path inside"),
        ("deep/../steady.mp4,train,A,,", "must be a path inside"),
        ("/etc/passwd,train,A,,", "video '/etc/passwd' must be a path inside"),
        (".hidden.mp4,train,A,,", "video_id '.hidden' starts with a dot"),
        ("gone.mp4,train,A,,", r"gone\.mp4 is absent, as are 1 of 2 listed videos"),
        ("deep/er,train,A,,", r"deep/er is absent"),
        ('"steady.mp4,train,A,,', "no CSV"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, source: Path, row: str, reason: str) -> None:
    good = "deep/er/uneven.mkv,train,A,,\n"
    with pytest.raises(InputError, match=rf"list\.csv, line 3: .*{reason}"):
        run(tmp_path, source, f"{HEADER}{good}{row}\n")
    assert not (tmp_path / "catalog.jsonl").exists()


ROW = {"video": "steady.mp4", "split": "test", "labels": "B1", "unit": "frames"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no JSON object"),
        (json.dumps({"path": "x"}), "unknown field 'path'"),
        (json.dumps(ROW | {"labels": ["B1"]}), "labels is missing; it must be text"),
        (json.dumps(ROW | {"segments": 5}), "segments must be text or a list, not 5"),
        (json.dumps(ROW | {"segments": [[1, 2]]}), "must be objects with label, start and end"),
        (json.dumps(ROW | {"segments": [{"label": "B1", "start": 1}]}), "must be objects with label, start and end"),
        (
            json.dumps(ROW | {"segments": [{"label": "B1", "start": "1", "end": 2}]}),
            "start of a segment must be a number",
        ),
        (
            json.dumps(ROW | {"segments": [{"label": "B1", "start": True, "end": 2}]}),
            "start of a segment must be a number",
        ),
        (json.dumps(ROW | {"segments": [{"label": "B1", "start": 1, "end": float("nan")}]}), "B1 1 nan must have"),
        (json.dumps(ROW | {"segments": [{"label": "B1", "start": 1, "end": 10**300}]}), "has 50 frames"),
        (json.dumps(ROW | {"segments": [], "unit": 7}), "unit is 7"),
    ],
)
def test_a_wrong_json_line_is_named(tmp_path: Path, source: Path, line: str, reason: str) -> None:
    good = json.dumps({"video": "deep/er/uneven.mkv", "split": "train", "labels": "A"})
    with pytest.raises(InputError, match=rf"list\.jsonl, line 3: .*{reason}"):
        run(tmp_path, source, f"{good}\n\n{line}\n", "list.jsonl")


@pytest.mark.parametrize(
    "header", ["video,split", "video,split,labels,start", "video,split,labels,labels", "video;split;labels"]
)
def test_other_columns_are_refused(tmp_path: Path, source: Path, header: str) -> None:
    with pytest.raises(InputError, match=r"list\.csv, line 1: columns are .*needed are video, split, labels"):
        run(tmp_path, source, f"{header}\n")


def test_a_list_without_a_video_is_refused(tmp_path: Path, source: Path) -> None:
    with pytest.raises(InputError, match=r"list\.csv: lists no video"):
        run(tmp_path, source, HEADER)


def test_two_videos_of_one_name_are_refused_with_both_lines(tmp_path: Path, source: Path) -> None:
    rows = "steady.mp4,train,A,,\n\ndeep/er/steady.mkv,train,A,,\n"
    with pytest.raises(
        InputError, match=r"list\.csv, line 4: deep/er/steady\.mkv has the same name as steady\.mp4 in line 2"
    ):
        run(tmp_path, source, HEADER + rows)


def test_a_list_that_is_no_utf8_is_named_with_its_line(tmp_path: Path, source: Path) -> None:
    (tmp_path / "list.csv").write_bytes(f"{HEADER}böse.mp4,train,A,,\n".encode("latin-1"))
    flags = ["--list", str(tmp_path / "list.csv"), "--dataset", "xd", "--out", str(tmp_path / "catalog.jsonl")]
    with pytest.raises(InputError, match=r"list\.csv, line 2: is no UTF-8"):
        own.main(["--videos", str(source), *flags])


def test_a_broken_file_is_named_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    write_numbered(tmp_path / "whole.mp4", 60)
    cut_short(tmp_path / "whole.mp4", 0.5).rename(folder / "broken.mp4")
    with pytest.raises(InputError, match=r"list\.csv, line 2: .*broken\.mp4: .*; mend the file or remove this line"):
        run(tmp_path, folder, f"{HEADER}broken.mp4,test,B1,B1 1 2,seconds\n")


def test_the_order_of_columns_is_free_and_a_byte_order_mark_does_not_matter(tmp_path: Path, source: Path) -> None:
    text = "\ufefflabels,video,unit,segments,split\nB1,steady.mp4, frames ,B1 1 2;,test\n"
    assert run(tmp_path, source, text)["steady"].segments == (Segment("B1", 1, 2),)


def test_classes_of_one_s_own_take_the_place_of_a_data_set_s(tmp_path: Path, source: Path) -> None:
    (tmp_path / "classes.yaml").write_text("ruhig: normal\nSturz: ein Mensch stürzt\n火事: fire\n", encoding="utf-8")
    events = "EIN MENSCH STÜRZT 0.4 1; 火事 1.2 2,seconds"
    text = f"{HEADER}steady.mp4,test,sturz-火事,{events}\ndeep/er/uneven.mkv,train,normal,,\n"
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    out = tmp_path / "catalog.jsonl"
    words = ["--videos", str(source), "--list", str(tmp_path / "list.csv"), "--out", str(out)]
    own.main([*words, "--classes", str(tmp_path / "classes.yaml")])
    assert check(out) == ("catalog", [])
    codes, videos = read_whole_catalog(out)
    assert codes == ("ruhig", "Sturz", "火事")
    assert videos == read_catalog(out)
    assert videos[0].labels == ("Sturz", "火事")
    assert videos[0].segments == (Segment("Sturz", 10, 25), Segment("火事", 30, 50))
    assert videos[1].labels == ("ruhig",)
    (tmp_path / "list.csv").write_text(text.replace("normal", "B1"), encoding="utf-8")
    with pytest.raises(InputError, match=r"unknown label 'B1'; label set own has ruhig \(normal\), Sturz"):
        own.main([*words, "--classes", str(tmp_path / "classes.yaml")])


def test_several_lists_are_one_and_no_video_stands_in_two(tmp_path: Path, source: Path) -> None:
    line = '{"video": "steady.mp4", "split": "train", "labels": "B1", "segments": [], "unit": "seconds"}\n'
    (tmp_path / "one.jsonl").write_text(line)
    (tmp_path / "two.csv").write_text(HEADER + "deep/er/uneven.mkv,train,A,,\n")
    out = tmp_path / "catalog.jsonl"
    words = ["--videos", str(source), "--dataset", "xd", "--out", str(out), "--list"]
    own.main([*words, str(tmp_path / "one.jsonl"), str(tmp_path / "two.csv")])
    assert [(video.video_id, video.labels) for video in read_catalog(out)] == [("steady", ("B1",)), ("uneven", ("A",))]
    (tmp_path / "again.jsonl").write_text(line)
    with pytest.raises(
        InputError, match=r"again\.jsonl, line 1: steady\.mp4 has the same name .* in .*one\.jsonl, line 1"
    ):
        own.main([*words, str(tmp_path / "one.jsonl"), str(tmp_path / "again.jsonl")])


def test_what_was_corrected_in_a_review_tool_comes_back(tmp_path: Path, source: Path) -> None:
    labels = {"steady": [{"label": 0, "support": [11, 25]}], "uneven": []}
    (tmp_path / "labels.json").write_text(json.dumps({"classes": ["Fighting"], "labels": labels}))
    tasks = [
        {"video": "/data/local-files/?d=steady.mp4", "videoLabels": [
            {"ranges": [{"start": 11, "end": 25}], "timelinelabels": ["fighting"]}
        ]},
        {"video": "/data/local-files/?d=deep/er/uneven.mkv"},
    ]  # fmt: skip
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    found = []
    for form, name in (("fiftyone", "labels.json"), ("label-studio", "tasks.json")):
        out = tmp_path / f"{form}.jsonl"
        words = ["--videos", str(source), "--list", str(tmp_path / name), "--form", form, "--dataset", "xd"]
        own.main([*words, "--split", "test", "--out", str(out)])
        found.append(read_catalog(out))
    steady, uneven = found[0]
    assert found[1] == found[0]
    assert steady.segments == (Segment("B1", 10, 25),)
    assert (uneven.labels, uneven.split, uneven.segments) == (("A",), "test", None)


def test_a_detection_that_nobody_named_is_no_label(tmp_path: Path, source: Path) -> None:
    labels = {"steady": [{"label": "anomaly", "support": [1, 5]}]}
    (tmp_path / "labels.json").write_text(json.dumps({"classes": None, "labels": labels}))
    words = ["--videos", str(source), "--list", str(tmp_path / "labels.json"), "--dataset", "xd"]
    with pytest.raises(InputError, match="'steady': unknown label 'anomaly'; label set xd has"):
        own.main([*words, "--form", "fiftyone", "--out", str(tmp_path / "c.jsonl")])
    with pytest.raises(InputError, match="--split: a list says for each video itself"):
        own.main([*words, "--split", "train", "--out", str(tmp_path / "c.jsonl")])
