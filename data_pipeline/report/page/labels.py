"""How stable words of the tables are called on the page, in Chinese and English; a word that is not here stands as it is."""

from __future__ import annotations

from data_pipeline.report.page.elements import Markup, both

_LABELS = {
    # what became of a pair
    "kept": ("保留", "kept"), "undecided": ("未决定", "undecided"), "relevance": ("图文相关性低", "low relevance"),
    "no_relevance": ("未打分", "no score"), "duplicate_text": ("文本重复", "duplicate text"),
    "duplicate_video": ("视频重复", "duplicate video"), "short_text": ("文本太短", "short text"),
    "too_short": ("片段太短", "clip too short"), "too_long": ("片段太长", "clip too long"),
    "balance": ("类别配平", "balance"), "license": ("许可不允许", "licence"), "removed": ("已要求删除", "removed on request"),
    "split_conflict": ("划分冲突", "conflicting splits"), "no_text": ("无文本", "no text"),
    # flags
    "no_voice": ("无人声", "no voice"), "no_speech": ("非语音", "no speech"), "compression": ("重复压缩", "compression"),
    "repeated": ("循环重复", "repeated"), "invention": ("识别幻觉", "invention"),
    "repeated_elsewhere": ("他处重复", "repeated elsewhere"), "lyrics": ("歌词", "lyrics"), "music": ("背景音乐", "music"),
    "bait": ("引流标签", "bait"), "personal_data": ("个人信息", "personal data"), "short": ("过短", "short"),
    # kinds of text
    "caption": ("描述", "caption"), "title": ("标题", "title"), "asr": ("语音识别", "speech"), "subtitle": ("字幕", "subtitle"),
    "cover": ("封面", "cover"),
    # sound
    "speech": ("人声", "speech"), "singing": ("歌声", "singing"), "noise": ("噪声", "noise"), "silence": ("静音", "silence"),
    # keyframes and on-screen text
    "black": ("黑帧", "black"), "uniform": ("单色帧", "uniform"), "duplicate": ("重复帧", "duplicate"),
    "title_card": ("标题卡", "title card"), "watermark": ("水印", "watermark"), "interface": ("平台界面", "interface"),
    "scene": ("场景文字", "scene text"),
    # parts of speech
    "noun": ("名词", "nouns"), "verb": ("动词", "verbs"), "attribute": ("形容词", "adjectives"),
    # splits, stages
    "train": ("训练", "train"), "validation": ("验证", "validation"), "test": ("测试", "test"),
    "examine": ("检查文件", "examine"), "look": ("看画面", "look"), "listen": ("听声音", "listen"), "pair": ("配对", "pair"),
    "subtitles": ("读字幕", "subtitles"), "score": ("打分", "score"), "probe": ("探测", "probe"),
    # scores
    "relevance_mean": ("相关性 · 平均", "relevance · mean"), "relevance_max": ("相关性 · 最大", "relevance · max"),
    "relevance_top3": ("相关性 · 前三平均", "relevance · top 3"), "masked_mean": ("遮字后 · 平均", "text masked · mean"),
    "masked_max": ("遮字后 · 最大", "text masked · max"), "masked_top3": ("遮字后 · 前三平均", "text masked · top 3"),
    "": ("未注明", "not given"),
}  # fmt: skip


def label(word: str) -> Markup:
    """A word of the tables in both languages."""
    return both(*_LABELS.get(word, (word, word)))
