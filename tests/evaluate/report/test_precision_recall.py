from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from evaluate.annotated import ScoredSet, annotate, joined_frames
from evaluate.report.precision_recall import PrecisionRecall, compute, main, thinned
from evaluate.scores_file import ScoredVideo, ScoresHeader
from extract.base.errors import InputError
from extract.catalog import Segment, Video
from tests.evaluate.annotated_files import write_annotated

HEADER = ScoresHeader(2, ("A", "B1"))


def video(anomaly: list[float], frames: int, *events: tuple[int, int]) -> tuple[Video, ScoredVideo]:
    scores = np.array(anomaly, np.float32)
    segments = tuple(Segment("B1", start, end) for start, end in events)
    scored = ScoredVideo(scores, scores, np.stack([1 - scores, scores], axis=1), frames)
    return Video("v", "test", "", ("B1",) if events else ("A",), segments), scored


def curve_of(*videos: tuple[Video, ScoredVideo], protocol: str = "exact") -> PrecisionRecall:
    annotated = tuple(annotate(listed, scored, HEADER) for listed, scored in videos)
    return compute(joined_frames(ScoredSet(Path(), Path(), HEADER, annotated), "anomaly", protocol))


def test_the_curve_is_scikit_learn_s_over_the_frames_spelled_out() -> None:
    found = curve_of(video([0.9, 0.2, 0.4], 5, (0, 3)), video([0.4, 0.1], 4))
    labels = [1, 1, 1, 0, 0, 0, 0, 0, 0]
    scores = [0.9, 0.9, 0.2, 0.2, 0.4, 0.4, 0.4, 0.1, 0.1]
    precision, recall, _ = precision_recall_curve(labels, scores)
    np.testing.assert_allclose(found.precision, precision)
    np.testing.assert_allclose(found.recall, recall)
    assert found.ap == pytest.approx(average_precision_score(labels, scores))
    assert found.chance == pytest.approx(3 / 9)


def test_what_is_drawn_of_a_long_curve_keeps_its_ends_and_its_area() -> None:
    random = np.random.default_rng(0)
    labels = random.random(50_000) < 0.3
    precision, recall, _ = precision_recall_curve(labels, labels * 0.3 + random.random(50_000))
    found = PrecisionRecall(recall, precision, 0.0, 0.3)
    drawn_recall, drawn_precision = thinned(found)
    assert len(drawn_recall) <= 403
    assert (drawn_recall[0], drawn_recall[-1], drawn_precision[-1]) == (1, 0, 1)
    assert (np.diff(drawn_recall) <= 0).all()
    area, whole = (-np.trapezoid(y, x) for x, y in ((drawn_recall, drawn_precision), (recall, precision)))
    assert area == pytest.approx(whole, abs=1 / 400)


def test_a_short_curve_is_drawn_as_it_is() -> None:
    found = curve_of(video([0.9, 0.2, 0.4], 6, (0, 3)))
    np.testing.assert_array_equal(np.unique(thinned(found)[0]), np.unique(found.recall))


def test_videos_without_an_abnormal_frame_are_refused() -> None:
    with pytest.raises(InputError, match="no frame of the scored test videos is abnormal"):
        curve_of(video([0.9, 0.2], 4))


def test_equal_scores_give_equal_pictures_one_for_each_method(tmp_path: Path) -> None:
    scores, catalog = write_annotated(tmp_path)
    pictures = []
    for name in ("one", "two"):
        arguments = ["--scores", "vadclip", "seed0", str(scores), "--scores", "student", "seed0", str(scores)]
        arguments += ["--catalog", str(catalog), "--branch", "alignment", "--protocol", "released"]
        main([*arguments, "--out", str(tmp_path / name)])
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["student.svg", "vadclip.svg"]
        pictures.append((tmp_path / name / "vadclip.svg").read_bytes())
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("method", ["../vadclip", ".hidden", ""])
def test_a_method_cannot_write_outside_the_folder(tmp_path: Path, method: str) -> None:
    arguments = ["--scores", method, "seed0", "s.h5", "--catalog", "c", "--branch", "alignment", "--protocol", "exact"]
    with pytest.raises(InputError, match="cannot name a picture"):
        main([*arguments, "--out", str(tmp_path)])


def test_a_run_given_twice_is_refused(tmp_path: Path) -> None:
    run = ["--scores", "vadclip", "seed0", "s.h5"]
    arguments = [*run, *run, "--catalog", "c", "--branch", "alignment", "--protocol", "exact"]
    with pytest.raises(InputError, match="vadclip seed0 is given twice"):
        main([*arguments, "--out", str(tmp_path)])


def test_protocol_released_draws_the_frames_that_the_published_evaluation_counts() -> None:
    listed, scored = video([0.9, 0.2], 4, (0, 4))
    fight = replace(listed, released_frames=((0, 2),)), scored
    assert curve_of(fight, protocol="exact").chance == 1
    assert curve_of(fight, protocol="released").chance == 0.5
