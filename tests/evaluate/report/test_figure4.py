import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from evaluate.annotated import Annotated, annotate
from evaluate.report.figure4 import compose, edges, main
from evaluate.scores_file import ScoredVideo, ScoresHeader, write_scores
from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog
from extract.datasets import DATA_SETS
from tests.extract.made_videos import write_numbered

XD = DATA_SETS["xd"]
STRIDE = 16
FRAMES = 100
SNIPPETS = 7
EVENTS = (Segment("B1", 20, 40), Segment("G", 30, 2000))


def scored(seed: int, snippets: int = SNIPPETS, frames: int = FRAMES) -> ScoredVideo:
    classes = np.random.default_rng(seed).dirichlet(np.ones(7), snippets).astype(np.float32)
    return ScoredVideo(1 - classes[:, 1], 1 - classes[:, 0], classes, frames)


def listed(video_id: str = "fight", **known: object) -> Video:
    settings = {"path": "", "labels": ("B1", "G"), "segments": EVENTS} | known
    return Video(video_id, "test", **settings)  # type: ignore[arg-type]


def said(video: Video, stride: int = STRIDE, **scores: ScoredVideo) -> dict[str, tuple[ScoresHeader, Annotated]]:
    header = ScoresHeader(stride, XD.codes)
    return {name: (header, annotate(video, one, header)) for name, one in scores.items()}


def files(folder: Path, *videos: Video) -> list[str]:
    """Write a catalog and two methods' scores of its videos; give the arguments that name them."""
    write_catalog(folder / "catalog.jsonl", videos)
    arguments = ["--catalog", str(folder / "catalog.jsonl"), "--out", str(folder / "out")]
    for seed, name in enumerate(("first", "second")):
        scores = [(video.video_id, scored(seed)) for video in videos]
        write_scores(folder / f"{name}.h5", ScoresHeader(STRIDE, XD.codes), scores)
        arguments += ["--scores", f"{name}={folder / name}.h5"]
    return arguments


def test_every_video_becomes_a_png_and_an_svg(tmp_path: Path) -> None:
    arguments = files(tmp_path, listed("a"), listed("b", labels=("A",), segments=None))
    main([*arguments, "--video", "a", "b"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "a.svg", "b.png", "b.svg"]
    assert imread(tmp_path / "out" / "a.png").shape[1] == 1500


def test_equal_scores_give_equal_figures(tmp_path: Path) -> None:
    arguments = files(tmp_path, listed("a"))
    main([*arguments, "--video", "a"])
    first = (tmp_path / "out" / "a.svg").read_bytes()
    main([*arguments, "--video", "a"])
    assert (tmp_path / "out" / "a.svg").read_bytes() == first


def test_time_is_in_seconds_where_the_rate_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    drawing = compose(said(listed(fps=20.0), only=scored(0)), "anomaly", 1)
    assert (drawing.unit, drawing.end) == ("seconds", 5.0)
    np.testing.assert_allclose(drawing.lines[0].edges, [0, 0.8, 1.6, 2.4, 3.2, 4.0, 4.8, 5.0])
    # The second event ends after the video, and is cut there.
    assert [(mark.start, mark.end, mark.row) for mark in drawing.marks] == [(1.0, 2.0, 1), (1.5, 5.0, 6)]
    assert "fight: drawn without pictures: the catalog names no file" in capsys.readouterr().err


def test_time_is_in_frames_where_the_rate_is_unknown() -> None:
    drawing = compose(said(listed(), only=scored(0)), "anomaly", 1)
    assert (drawing.unit, drawing.end) == ("frames", 100.0)
    assert drawing.lines[0].edges.tolist() == [0, 16, 32, 48, 64, 80, 96, 100]


def test_the_videos_file_gives_pictures_and_the_rate(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "fight.mp4", FRAMES)
    drawing = compose(said(listed(path=str(path)), only=scored(0)), "anomaly", 1)
    assert (drawing.unit, drawing.end, len(drawing.thumbnails)) == ("seconds", pytest.approx(4.0), 8)


def test_a_file_that_cannot_be_decoded_is_left_out_with_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fight.mp4").write_bytes(b"no video")
    drawing = compose(said(listed(path=str(tmp_path / "fight.mp4")), only=scored(0)), "anomaly", 1)
    assert drawing.thumbnails == []
    assert "drawn without pictures" in capsys.readouterr().err


def test_the_branch_chooses_the_curve_and_the_last_method_gives_the_map() -> None:
    first, last = scored(0), scored(1)
    for score in ("anomaly", "anomaly_alignment"):
        drawing = compose(said(listed(), first=first, last=last), score, 1)
        np.testing.assert_array_equal(drawing.lines[0].values, getattr(first, score))
        np.testing.assert_array_equal(drawing.lines[1].values, getattr(last, score))
        np.testing.assert_array_equal(drawing.class_map.values, last.classes)
    assert [line.name for line in drawing.lines] == ["first", "last"]


def test_classes_are_named_by_their_prompts() -> None:
    names = compose(said(listed(), only=scored(0)), "anomaly", 1).class_map.names
    assert list(names) == ["normal", "fighting", "shooting", "riot", "abuse", "car accident", "explosion"]


def test_methods_of_other_strides_share_one_time_axis() -> None:
    video = listed(fps=25.0)
    both = said(video, coarse=scored(0)) | said(video, stride=4, fine=scored(1, 25))
    drawing = compose(both, "anomaly", 1)
    assert [line.edges[-1] for line in drawing.lines] == [4.0, 4.0]
    assert [len(line.edges) for line in drawing.lines] == [8, 26]


def test_unknown_lengths_count_whole_snippets() -> None:
    drawing = compose(said(listed(), only=scored(0, frames=-1)), "anomaly", 1)
    assert drawing.end == SNIPPETS * STRIDE


def test_a_normal_video_has_nothing_marked() -> None:
    assert compose(said(listed(labels=("A",), segments=None), only=scored(0)), "anomaly", 1).marks == []


def test_the_last_snippet_ends_with_the_video() -> None:
    assert edges(4, 3, 9).tolist() == [0, 4, 8, 9]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--video", "c"], "--video: 'c' is no test video of .*catalog.jsonl"),
        (["--video", "a", "--scores", "third={folder}/first.h5"], "3 methods; a figure compares one or two"),
        (["--video", "a", "--scores", "first={folder}/second.h5"], "'first' is given twice"),
        (["--video", "a", "--scores", "nothing"], "'nothing' is not of the form NAME=FILE"),
        (["--video", "a", "--threads", "0"], "--threads: 0 must be at least 1"),
    ],
)
def test_wrong_arguments_are_named(tmp_path: Path, more: list[str], message: str) -> None:
    arguments = files(tmp_path, listed("a"))
    with pytest.raises(InputError, match=message):
        main([*arguments, *(word.format(folder=tmp_path) for word in more)])


def test_a_video_without_scores_or_segments_is_named_with_its_file(tmp_path: Path) -> None:
    arguments = files(tmp_path, listed("a", segments=None))
    with pytest.raises(InputError, match=r"catalog\.jsonl: test video 'a' is labelled B1-G but has no segments"):
        main([*arguments, "--video", "a"])
    write_catalog(tmp_path / "catalog.jsonl", [listed("a"), listed("b")])
    with pytest.raises(InputError, match=r"first\.h5: has no scores of 'b'"):
        main([*arguments, "--video", "b"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("module", ["evaluate.report.figure4", "evaluate.detect.__main__"])
def test_help_is_quick_because_nothing_heavy_is_imported(module: str) -> None:
    heavy = "('torch', 'numpy', 'h5py', 'matplotlib', 'av')"
    code = f"import sys, {module} as command; command.parser().format_help()"
    code += f"; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
