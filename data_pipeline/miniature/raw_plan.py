"""What a raw collection holds: for each clip of the world the texts, sounds and facts that uploaders give it, and the truth."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from data_pipeline.miniature.captions import Detail
from data_pipeline.miniature.language import chatter
from data_pipeline.miniature.language.chinese_words import THINGS_ZH, Manner
from data_pipeline.miniature.sounds import Sound
from data_pipeline.miniature.spec import Line, SceneSpec
from data_pipeline.miniature.world import Dirt, WorldClip
from retrieval.evaluation.parts_of_speech import dictionary_words_of

Truth = Literal["true", "weak", "lyrics", "mismatched", "invention"]

CATEGORIES: dict[Manner, str] = {
    "animal": "动物", "flier": "飞行", "swimmer": "水族", "floater": "节日", "vehicle": "交通", "plant": "植物", "object": "好物",
}
LICENCES = (("CC-BY-4.0", 60), ("CC0-1.0", 25), ("CC-BY-NC-4.0", 15))
BAIT = ("#我要上热门", "#热门", "#创作灵感", "#好物推荐", "#合拍", "#dou上热门")
INVENTIONS = (
    "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", "字幕由Amara.org社区提供", "谢谢观看 下集再见", "中文字幕志愿者 李宗盛",
    "优优独播剧场——YoYo Television Series Exclusive", "以下是普通话的句子",
)
"""Lines that speech recognition is known to write where nobody speaks."""
_CLAUSE = re.compile("[，。；、！？]")
_MOST_CHARACTERS = 12       # of a subtitle
_UPLOADERS = 150
_SPOKEN, _BURNT_IN, _BAIT, _CAPTION_AS_TITLE, _INVENTION = 0.85, 0.4, 0.15, 0.5, 0.15
_MUTE = 0.06                # of the files in which nobody speaks: no sound track at all


@dataclass(frozen=True, kw_only=True)
class LabelledText:
    """A text that came with a file and what is known of it; the title spans the whole clip."""

    kind: Literal["title", "asr"]
    text: str
    start_ms: int
    end_ms: int
    truth: Truth


@dataclass(frozen=True, kw_only=True)
class RawVideo:
    """A file of the collection: the scene as it is drawn, what is heard and said, and what its uploader tells.

    cues: the transcript, also drawn into the picture where `burnt_in`; sound: None for a file without a sound track;
    true_clip: the clip that a mismatched text tells of, or that a near duplicate repeats.
    """

    spec: SceneSpec
    cues: tuple[Line, ...]
    cue_truth: Truth
    burnt_in: bool
    sound: Sound | None
    title: str
    title_truth: Truth
    bait: bool
    topics: tuple[str, ...]
    category: str
    uploader: str
    licence: str
    dirt: Dirt | None
    true_clip: str | None

    @property
    def texts(self) -> tuple[LabelledText, ...]:
        """The title and every line of the transcript."""
        end_ms = self.spec.duration_ms
        title = LabelledText(kind="title", text=self.title, start_ms=0, end_ms=end_ms, truth=self.title_truth)
        lines = (
            LabelledText(kind="asr", text=text, start_ms=start, end_ms=end, truth=self.cue_truth)
            for start, end, text in self.cues
        )
        return (title, *lines)


def raw_video(clip: WorldClip) -> RawVideo:
    """The file that a clip of the world becomes, always the same."""
    random = Random(f"raw|{clip.spec.name}")
    cues, cue_truth = _cues(clip, random)
    title, title_truth = _title(clip, random)
    bait = random.random() < _BAIT
    spec = dataclasses.replace(clip.spec, spoken=(), sidecar=False, container="mp4", title=title)
    return RawVideo(
        spec=spec, cues=cues, cue_truth=cue_truth, burnt_in=bool(cues) and random.random() < _BURNT_IN,
        sound=_sound(clip, cues, cue_truth, random),
        title=" ".join((title, *random.sample(BAIT, 2))) if bait else title, title_truth=title_truth, bait=bait,
        topics=clip.spec.tags, category=CATEGORIES[THINGS_ZH[clip.spec.actors[0].thing].manner],
        uploader=f"作者{int(_UPLOADERS * random.random() ** 2):03}",
        licence=random.choices([code for code, _ in LICENCES], weights=[weight for _, weight in LICENCES])[0],
        dirt=clip.dirt, true_clip=clip.origin,
    )  # fmt: skip


def subtitles(text: str, *, start_ms: int, end_ms: int) -> tuple[Line, ...]:
    """A Chinese text as lines of at most 12 characters, cut between words, each on screen for as long as it is long."""
    pieces = [piece for clause in _CLAUSE.split(text) for piece in _packed(dictionary_words_of(clause))]
    total, told, lines = sum(map(len, pieces)), 0, []
    for piece in pieces:
        begin = start_ms + (end_ms - start_ms) * told // total
        told += len(piece)
        lines.append((begin, start_ms + (end_ms - start_ms) * told // total, piece))
    return tuple(lines)


def _packed(words: Sequence[tuple[str, object]]) -> list[str]:
    pieces: list[str] = []
    for word, _ in words:
        if pieces and len(pieces[-1]) + len(word) <= _MOST_CHARACTERS:
            pieces[-1] += word
        else:
            pieces.append(word)
    return pieces


def _cues(clip: WorldClip, random: Random) -> tuple[tuple[Line, ...], Truth]:
    start_ms, end_ms = 100, clip.spec.duration_ms - 100
    if clip.dirt == "lyrics":
        return clip.spec.spoken, "lyrics"
    if clip.dirt not in ("weak", "mismatched") and random.random() >= _SPOKEN:
        heard = random.random() < _INVENTION
        return (((start_ms, end_ms, random.choice(INVENTIONS)),) if heard else ()), "invention"
    texts = _chinese(clip, "full") or _chinese(clip, "medium")
    spoken = subtitles(random.choice(texts), start_ms=start_ms, end_ms=end_ms) if texts else ()
    return spoken, _truth(clip)


def _title(clip: WorldClip, random: Random) -> tuple[str, Truth]:
    if clip.dirt == "weak":
        return clip.spec.title, "weak"
    told = _chinese(clip, "medium") or _chinese(clip, "short")
    as_caption = random.random() < _CAPTION_AS_TITLE
    if told and clip.dirt != "lyrics" and (as_caption or clip.dirt == "mismatched"):
        return random.choice(told), _truth(clip)
    return chatter.title(clip.spec.shots, random), "weak"


def _sound(clip: WorldClip, cues: Sequence[Line], truth: Truth, random: Random) -> Sound | None:
    if clip.dirt == "lyrics":
        return "singing"
    if cues and truth != "invention":
        return "speech"
    return None if not cues and random.random() < _MUTE else random.choice(("music", "music", "silence"))


def _chinese(clip: WorldClip, detail: Detail) -> list[str]:
    return [one.text for one in clip.captions if one.language == "zh" and one.detail == detail]


def _truth(clip: WorldClip) -> Truth:
    return clip.dirt if clip.dirt in ("weak", "lyrics", "mismatched") else "true"
