"""Published benchmarks are read from the layouts of their files; what is odd in them is named and counted."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.encoders import load_encoder
from retrieval.errors import InputError
from retrieval.evaluation import RunFacts, run_evaluation
from retrieval.evaluation.benchmarks import (
    PUBLISHED,
    Benchmark,
    BenchmarkQuery,
    BenchmarkVideo,
    published_benchmark,
    read_activitynet,
    read_activitynet_moments,
    read_cbvs,
    read_chinaopen,
    read_didemo,
    read_didemo_moments,
    read_lsmdc,
    read_msrvtt,
    read_msrvtt_cn,
    read_msvd,
    read_published,
)
from retrieval.evaluation.benchmarks.pickles import read_plain_pickle
from retrieval.evaluation.scoring import encode_videos
from retrieval.video import VideoReader, uniform
from serving.cli.evaluate_model import BENCHMARK_NAMES
from tests.retrieval.evaluation import published_layouts as layouts
from tests.retrieval.evaluation.test_evaluation_benchmarks import msrvtt
from tests.videos import write_video


def texts(benchmark: Benchmark) -> list[tuple[str, str]]:
    """(text, the one video that answers it) of every query."""
    return [(query.text, *query.relevant) for query in benchmark.queries]


# MSVD


def test_msvd_asks_every_caption_of_the_listed_videos_in_their_order(tmp_path):
    (layouts.write_msvd(tmp_path) / "-4wsuPCjDBc_5_15.avi").touch()
    found = read_msvd(tmp_path)
    assert found.protocol == "MSVD test, all captions"
    assert found.missing == ("klteYv1Uv9A_27_33",)
    assert texts(found) == [
        ("someone cuts garlic", "klteYv1Uv9A_27_33"),
        ("a squirrel eats", "-4wsuPCjDBc_5_15"),
        ("an animal eats a peanut", "-4wsuPCjDBc_5_15"),
    ]
    assert "2 videos and 3 captions, where 670 and 27,763 were published" in found.notices[0]
    assert read_msvd(tmp_path, split="train").video_ids == ("_0nX-El-ySo_83_93",)


def test_msvd_with_one_caption_a_video_is_another_protocol(tmp_path):
    found = read_msvd(layouts.write_msvd(tmp_path), captions="first")
    assert texts(found) == [("someone cuts garlic", "klteYv1Uv9A_27_33"), ("a squirrel eats", "-4wsuPCjDBc_5_15")]
    assert found.judgements.one_to_one
    assert found.split_hash != read_msvd(tmp_path).split_hash


def test_a_run_on_msvd_has_both_protocols_of_video_to_text(tmp_path):
    found = read_msvd(layouts.write_msvd(tmp_path))     # the first caption is the first video's, two are the second's
    scores = np.array([[0.9, 0.7], [0.95, 0.6], [0.97, 0.8]])
    rows = {row.direction: row.metrics for row in run_evaluation(found, pooled=scores, facts=RunFacts(model="m")).rows}
    # The first video finds both captions of the second before its own; the second finds one of its own first.
    assert rows["video_to_text"].mean_rank == (3 + 1) / 2
    # Both wrong captions are one wrong video.
    assert rows["video_to_grouped_text"].mean_rank == (2 + 1) / 2


class Runs:
    """What a pickle must never do."""

    def __reduce__(self):
        return os.mkdir, (self.folder,)

    def __init__(self, folder: str) -> None:
        self.folder = folder


def test_no_pickled_code_is_run(tmp_path):
    layouts.write_msvd(tmp_path)
    (tmp_path / "raw-captions.pkl").write_bytes(pickle.dumps({"klteYv1Uv9A_27_33": Runs(str(tmp_path / "made"))}))
    with pytest.raises(InputError, match=r"raw-captions\.pkl is no pickle of plain texts \(it asks for \w+\.mkdir"):
        read_msvd(tmp_path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("kind", [dict, OrderedDict, lambda rows: defaultdict(list, rows)])
def test_any_mapping_of_lists_is_read_whatever_wrote_it(tmp_path, kind, protocol):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(kind({"视频": [["a", "café"]], "b": []}), protocol=protocol))
    assert read_plain_pickle(tmp_path / "a.pkl") == {"视频": [["a", "café"]], "b": []}


def test_a_pickle_of_python_2_has_texts_of_bytes(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"(dp0\nS'vid'\np1\n(lp2\n(lp3\nS'caf\\xc3\\xa9'\np4\naas.")
    assert read_plain_pickle(tmp_path / "a.pkl") == {"vid": [["café"]]}


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x04.", pickle.dumps({"a": 1})[:-3], b"cos\nsystem\n(S'x'\ntR."])
def test_a_damaged_pickle_gets_one_sentence(tmp_path, content):
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(InputError, match=r"^[^\n]*a\.pkl is no pickle of plain texts \([^\n]+\): take the published file\.$"):
        read_plain_pickle(tmp_path / "a.pkl")


def test_msvd_names_and_counts_videos_without_a_caption(tmp_path):
    layouts.write_msvd(tmp_path)
    (tmp_path / "test_list.txt").write_text("klteYv1Uv9A_27_33\nnone\nempty\n")
    with pytest.raises(InputError, match="has no caption for 2 of 3 videos of the split, such as none, empty"):
        read_msvd(tmp_path)


# DiDeMo and ActivityNet Captions


def test_didemo_joins_the_sentences_of_a_video_and_keeps_to_the_list(tmp_path):
    found = read_didemo(layouts.write_didemo(tmp_path))
    assert found.protocol == "DiDeMo test, paragraphs, first 30 s"
    assert texts(found) == [
        ("first time we see the sea", "12090392@N02_1348.mov"),
        ("a dog runs in. the dog barks", "54322086@N00_24085.avi"),
    ]
    assert {video.end_ms for video in found.videos} == {30_000}
    (tmp_path / "test_list.txt").unlink()
    assert "3 videos and 3 captions, where 1,004 and 1,004" in read_didemo(tmp_path).notices[0]


@pytest.mark.parametrize("name", ["54322086@N00_24085.avi", "54322086@N00_24085.mp4", "54322086@N00_24085.avi.mp4"])
def test_didemo_finds_a_video_under_any_suffix(tmp_path, name):
    (layouts.write_didemo(tmp_path) / name).touch()
    found = {video.id: video.path for video in read_didemo(tmp_path).videos}
    assert found == {"54322086@N00_24085.avi": tmp_path / name, "12090392@N02_1348.mov": None}


def test_didemo_keeps_the_moment_of_each_annotator(tmp_path):
    found = read_didemo_moments(layouts.write_didemo(tmp_path))
    assert [moment.spans_ms for moment in found[:3]] == [
        ((0, 5_000), (0, 10_000)),
        ((15_000, 20_000), (15_000, 25_000), (10_000, 20_000)),
        ((20_000, 30_000),),
    ]


def test_didemo_names_listed_videos_that_nothing_describes(tmp_path):
    layouts.write_didemo(tmp_path)
    (tmp_path / "test_list.txt").write_text("12090392@N02_1348.mov\ngone.avi\n")
    assert any("1 of 2 videos of" in notice and "gone.avi" in notice for notice in read_didemo(tmp_path).notices)


def test_activitynet_asks_paragraphs_of_one_validation_part(tmp_path):
    layouts.write_activitynet(tmp_path)
    (tmp_path / "_UwyN53VFGc.mp4").touch()
    (tmp_path / "v_uqiMw7tQ1Cc.mkv").touch()
    found = read_activitynet(tmp_path)
    assert found.protocol == "ActivityNet Captions val1, paragraphs"
    assert texts(found) == [
        ("A weight lifting tutorial is given. The coach helps the guy.", "v_uqiMw7tQ1Cc"),
        ("A man paints.", "v__UwyN53VFGc"),
    ]
    assert found.missing == ()
    assert texts(read_activitynet(tmp_path, part="val2")) == [("Somebody paints a fence.", "v__UwyN53VFGc")]
    assert [moment.spans_ms for moment in read_activitynet_moments(tmp_path)] == [
        ((280, 55_150),), ((9_500, 13_790),), ((0, 20_000),),
    ]  # fmt: skip


def test_what_comes_after_the_end_is_not_looked_at(tmp_path, tiny_chinese_clip):
    path = write_video(tmp_path / "v.mp4", seconds=4, shots=2)
    encoder = load_encoder(str(tiny_chinese_clip), device="cpu")
    geometry = encoder.geometry
    with VideoReader(path) as reader:
        assert [frame.time_ms for frame in uniform(reader, 2, until_ms=2000)] == [500, 1500]
        whole, first_half = uniform(reader, 2), uniform(reader, 2, until_ms=2000)
    for frames, end_ms in ((whole, None), (whole, 60_000), (first_half, 2000)):
        benchmark = Benchmark(
            protocol="p", videos=(BenchmarkVideo(id="v", path=path, end_ms=end_ms),),
            queries=(BenchmarkQuery(id="q", text="x", relevant={"v": 1}),),
        )  # fmt: skip
        _, vectors = encode_videos(benchmark, encoder, frames=2)
        pictures = np.stack([frame.rgb(height=geometry.height, width=geometry.width, fit=geometry.fit) for frame in frames])
        expected = encoder.encode_clips(pictures[None], frame_mask=np.ones((1, 2), bool)).pooled
        np.testing.assert_allclose(vectors.pooled, expected, atol=1e-5)


# LSMDC and MSR-VTT-CN


def test_lsmdc_reads_tabs_and_takes_quotes_as_they_are(tmp_path):
    (tmp_path / "LSMDC16_challenge_1000_publictect.csv").write_text(layouts.LSMDC + "a line without tabs\n\n")
    (tmp_path / "0001_American_Beauty").mkdir()
    clip = tmp_path / "0001_American_Beauty" / "0001_American_Beauty_00.00.51.926-00.00.54.129.avi"
    clip.touch()
    found = read_lsmdc(tmp_path)
    assert texts(found) == [
        ('SOMEONE says "hello", and leaves.', "0001_American_Beauty_00.00.51.926-00.00.54.129"),
        ("He sits.", "1012_Unbreakable_00.05.16.065-00.05.21.941"),
    ]
    assert found.videos[0].path == clip
    assert any("1 of 3 lines of" in notice and "the first is line 3" in notice for notice in found.notices)


def test_lsmdc_trains_on_clips_with_several_sentences_but_tests_on_one(tmp_path):
    again = layouts.LSMDC.splitlines()[0].rsplit("\t", 1)[0] + "\tAnother sentence.\n"
    for name in ("LSMDC16_annos_training.csv", "LSMDC16_challenge_1000_publictect.csv"):
        (tmp_path / name).write_text(layouts.LSMDC + again)
    assert len(read_lsmdc(tmp_path, split="train").queries) == 3
    with pytest.raises(InputError, match=r"0001_American_Beauty\S* twice"):
        read_lsmdc(tmp_path)


def test_msrvtt_cn_has_the_videos_of_its_file_and_says_whether_they_are_those_of_1k_a(tmp_path):
    (tmp_path / "msrvtt10kcntest_zh.caption.txt").write_text(layouts.MSRVTT_CN + "no id\n", encoding="utf-8")
    found = read_msrvtt_cn(tmp_path)
    assert found.protocol == "MSR-VTT-CN test, msrvtt10kcntest_zh.caption.txt"
    assert texts(found) == [
        ("一只 猫在睡觉", "video7020"), ("猫睡着了", "video7020"), ("一条狗在跑", "video9770"),
    ]  # fmt: skip
    assert "1 of 4 lines of" in found.notices[0]
    msrvtt(tmp_path)
    assert read_msrvtt_cn(tmp_path).protocol.endswith(", the videos of 1k-A")
    (tmp_path / "msrvtt10kcntest_zh.caption.txt").write_text("video1#zh#0 猫\n", encoding="utf-8")
    assert read_msrvtt_cn(tmp_path).protocol.endswith(", not the videos of 1k-A")


def test_msrvtt_cn_is_read_from_rows_too(tmp_path):
    (tmp_path / "CN_MSRVTT_RET_test.jsonl").write_text(
        '{"clip_name": "video7020.mp4", "caption": "一只猫"}\n{"clip_name": "video9770"}\n', encoding="utf-8"
    )
    found = read_msrvtt_cn(tmp_path)
    assert texts(found) == [("一只猫", "video7020")]
    assert "1 of 2 lines of" in found.notices[0]


def test_msrvtt_trains_on_captions_of_the_official_test_videos_that_9k_lists(tmp_path):
    msrvtt(tmp_path)
    (tmp_path / "MSRVTT_train.9k.csv").write_text("video_id\nvideo0\nvideo7021\n")
    with pytest.raises(InputError, match="has no caption for 1 of 2 videos of the split, such as video7021"):
        read_msrvtt(tmp_path, split="train")
    (tmp_path / "MSRVTT_train.9k.csv").write_text("video_id\nvideo0\nvideo1\n")
    found = read_msrvtt(tmp_path, split="train")
    assert (found.video_ids, len(found.queries)) == (("video0", "video1"), 4)
    assert read_msrvtt(tmp_path, protocol="full", split="validation").video_ids == ("video6513",)
    with pytest.raises(InputError, match="has no validation split"):
        read_msrvtt(tmp_path, split="validation")


# ChinaOpen-1k and CBVS


def test_chinaopen_names_videos_without_a_caption_and_keeps_them_in_the_gallery(tmp_path):
    found = read_chinaopen(layouts.write_chinaopen(tmp_path))
    assert found.video_ids == ("BV1CN411o7WE", "BV11D4y1S7X5")
    assert texts(found) == [("一个男人骑着自行车。", "BV1CN411o7WE")]
    assert any("1 of 2 videos have no caption: BV11D4y1S7X5" in notice for notice in found.notices)
    assert [text for text, _ in texts(read_chinaopen(tmp_path, text="title"))] == ["自行车压弯！", "给兔兔做了一个小球球"]
    assert texts(read_chinaopen(tmp_path, language="en"))[1][0] == "A person makes a ball."


def published_pnr_and_ndcg(judged: list[tuple[dict[str, int], dict[str, float]]], cutoff: int = 10) -> tuple[float, float]:
    """As CBVS counts, slowly: of each query its judged covers alone, and nDCG of queries with more than one grade."""
    right = wrong = 0.0
    values = []
    for grades, scores in judged:
        for a in grades:
            for b in grades:
                if grades[a] > grades[b]:
                    right += (scores[a] > scores[b]) + 0.5 * (scores[a] == scores[b])
                    wrong += (scores[a] < scores[b]) + 0.5 * (scores[a] == scores[b])
        if len(set(grades.values())) > 1:
            ranked = [grades[cover] for cover in sorted(grades, key=lambda cover: -scores[cover])]
            gained, best = (
                sum((2**grade - 1) / np.log2(place + 2) for place, grade in enumerate(order[:cutoff]))
                for order in (ranked, sorted(grades.values(), reverse=True))
            )
            values.append(gained / best)
    return right / wrong, 100 * float(np.mean(values))


def test_cbvs_ranks_the_judged_covers_of_each_query_alone(tmp_path):
    (tmp_path / "cbvs20k.txt").write_text(layouts.CBVS, encoding="utf-8")
    found = read_cbvs(tmp_path)
    assert found.video_ids == ("70001002_a", "70001002_b", "80000851_c", "70001002_d")
    assert [(query.text, dict(query.relevant)) for query in found.queries] == [
        ("大宅门演员表", {"70001002_a": 1, "70001002_b": 2, "80000851_c": 0}),
        ("人生大事", {"70001002_d": 2, "70001002_a": 0}),
    ]
    said = " ".join(found.notices)
    for part in ("1 of 8 lines of", "line 8", "1 of 7 judged pairs", "1 of 3 queries have covers of one grade"):
        assert part in said
    scores = np.array([[0.5, 0.4, 0.3, 0.99], [0.6, 0.9, 0.8, 0.1]])
    first = run_evaluation(found, pooled=scores, facts=RunFacts(model="m")).rows[0].graded
    assert first is not None
    judged = [
        (dict(query.relevant), dict(zip(found.video_ids, row, strict=True)))
        for query, row in zip(found.queries, scores, strict=True)
    ]
    ratio, ndcg = published_pnr_and_ndcg(judged)       # type: ignore[arg-type]
    assert first.figures()["positive_negative_ratio"] == pytest.approx(ratio)
    assert first.figures()["ndcg_at_10"] == pytest.approx(ndcg)


def test_a_cover_is_a_picture_looked_at_once_for_every_frame(tmp_path, tiny_chinese_clip):
    (tmp_path / "cbvs20k.txt").write_text(layouts.CBVS, encoding="utf-8")
    for name in ("70001002_a.jpg", "70001002_b.png", "80000851_c.webp"):
        Image.fromarray(np.random.default_rng(len(name)).integers(0, 255, (40, 60, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "70001002_d.jpg").write_bytes(b"no picture")
    encoder = load_encoder(str(tiny_chinese_clip), device="cpu")
    present, vectors = encode_videos(read_cbvs(tmp_path), encoder, frames=2)
    assert present.video_ids == ("70001002_a", "70001002_b", "80000851_c")
    assert "70001002_d" in present.notices[-1]
    assert present.grading.among == "judged"
    np.testing.assert_allclose(vectors.frames[:, 0], vectors.frames[:, 1], atol=1e-6)
    assert not np.allclose(vectors.frames[0, 0], vectors.frames[1, 0], atol=1e-3)


# All of them


@pytest.mark.parametrize(
    ("name", "content", "read", "message"),
    [
        ("x", "", read_msvd, "holds no test_list.txt, which MSVD test needs"),
        ("test_list.txt", "\n", read_msvd, "holds no raw-captions.pkl"),
        ("x", "", read_didemo, "holds no test_data.json, which DiDeMo test needs"),
        ("test_data.json", '[{"video": "a"}]', read_didemo, "'times' is missing"),
        ("test_data.json", '[{"video": "a", "times": [[1]], "description": "b"}]', read_didemo, "not laid out as DiDeMo"),
        ("test_data.json", "[", read_didemo, "is not JSON"),
        ("x", "", read_activitynet, "holds no val_1.json"),
        ("val_1.json", "[]", read_activitynet, "not laid out as ActivityNet"),
        ("val_1.json", '{"v_a": {"sentences": ["x"], "timestamps": []}}', read_activitynet, "not laid out as ActivityNet"),
        ("x", "", read_lsmdc, "holds no LSMDC16_challenge_1000_publictect.csv"),
        ("LSMDC16_challenge_1000_publictect.csv", "a,b\n", read_lsmdc, "1 of 1 lines of .* it is not the published file"),
        ("x", "", read_msrvtt_cn, "holds no msrvtt10kcntest_zh.caption.txt or CN_MSRVTT_RET_test.jsonl"),
        ("x", "", read_chinaopen, "holds no ChianOpen-1K-annotations.json or"),
        ("ChianOpen-1K-annotations.json", '{"BV1": {}}', read_chinaopen, "'Captions' is missing"),
        ("x", "", read_cbvs, "holds no cbvs20k.txt"),
        ("cbvs20k.txt", "a\tb\tc\t3\n", read_cbvs, "1 of 1 lines of"),
    ],
)
def test_a_missing_file_or_another_layout_is_one_sentence_that_names_it(tmp_path, name, content, read, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message) as refused:
        read(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_list_with_a_video_twice_is_refused(tmp_path):
    layouts.write_msvd(tmp_path)
    (tmp_path / "test_list.txt").write_text("klteYv1Uv9A_27_33\nklteYv1Uv9A_27_33\n")
    with pytest.raises(InputError, match="lists klteYv1Uv9A_27_33 twice"):
        read_msvd(tmp_path)


def test_names_are_found_without_case_and_dashes_and_a_wrong_one_is_told_the_nearest():
    assert published_benchmark("msrvtt-1ka") is PUBLISHED["msrvtt-1k-A"]
    assert tuple(PUBLISHED) == BENCHMARK_NAMES
    with pytest.raises(InputError, match="didemo"):
        published_benchmark("didmo")
    with pytest.raises(InputError, match="has no split 'train', only test"):
        read_published("cbvs-20k", data=Path(), split="train")


def test_the_page_of_benchmarks_says_which_splits_each_of_them_has():
    page = (Path(__file__).parents[3] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    rows = {}
    for line in page.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            rows |= {name.strip("` "): cells for name in cells[0].split(",")}
    for name, known in PUBLISHED.items():
        splits = {"all": ("train", "validation", "test")}.get(rows[name][4], tuple(rows[name][4].split(", ")))
        assert splits == known.splits, name


def test_every_name_reads_every_split_that_it_says_it_has(tmp_path):
    """Without files, each must ask for a file of its own, which its entry names."""
    for name, known in PUBLISHED.items():
        for split in known.splits:
            with pytest.raises(InputError, match="holds no") as refused:
                read_published(name, data=tmp_path, split=split)
            asked = str(refused.value).split("holds no ")[1].split(" or ")[0].split(", which")[0]
            assert asked.split("_")[-1] in known.files, (name, split)
