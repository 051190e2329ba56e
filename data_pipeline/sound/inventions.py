"""Sentences that Whisper is known to write where nobody speaks: its training texts were subtitles, with their credits.

Patterns are matched on the spoken form of a line (`spoken_form`): simplified, lower case, letters and digits only.
Sources: reports to faster-whisper (127, 506, 843), openai/whisper (discussions 679, 928, 1606, 2015), mpv-sub-fastwhisper (9),
pyvideotrans (896), vexa (155), amical (71).
"""

from __future__ import annotations

import re

from retrieval.text import fold

# Nobody says these in a video about something else: a match anywhere in the line is enough.
_TELLTALE = (
    r"请不吝(?:点赞|赐赞|点击|订阅)", r"明镜(?:与|和|跟)?点点", r"点点栏目", r"明镜需要您", r"(?:支持|订阅|收看)明镜",
    r"打赏支持", r"优优独播", r"独播剧场", r"yoyotelevision", r"yoyo(?:电视剧)?独家", r"amara(?:org|社区|社群|字幕)", r"由amara",
    r"字幕志愿者.{0,8}$", r"字幕制作人", r"中文字幕提供", r"社(?:区|群)提供的?字幕", r"本字幕由",
    r"字幕由.{1,16}(?:提供|制作|翻译|校对|完成)$", r"^字幕由.{1,20}(?:提供|制作|翻译|校对)", r"zitherharp",
    r"以下是普通话", r"以下是简体中文", r"以下是中文(?:普通话)?的?句子", r"mingpao(?:canada|toronto)", r"castingwords",
    r"moojiorg", r"beadaholique", r"subtitlesbythe", r"transcriptionby", r"captions?byget", r"dimatorzok",
    r"australianbroadcastingcorporation", r"mbc뉴스", r"ご视聴ありがとうござ", r"チャンネル登录", r"시청해주셔서감사",
    r"구독과좋아요", r"자막(?:제공|by)",
)
_HANDS = r"(?:听译|翻译|校对|时间轴|后期|压制|监制|译者|译制)+"
# A line that consists of nothing else.
_CREDIT = (
    r"(?:中文|英文|双语|繁体|简体)?字幕(?:组|制作|翻译|校对|提供|后期|时间轴|听译|压制|by|来源)?(?:by)?[^\W\d_]{0,12}",
    rf"{_HANDS}(?:by{_HANDS}){{0,3}}(?:by)?[^\W\d_]{{0,4}}",
    r"(?:subtitles?|subs|captions?|captioned|translated|translation|transcribed|subtitled)by.*",
    r"(?:词曲|作词|作曲|编曲|词|曲)?李宗盛", r"(?:作词|作曲|编曲|词曲|演唱|混音|母带|制作人)+(?:李宗盛)?",
    r"(?:本)?(?:视频|节目|影片)?未经(?:作者)?(?:授权|许可|允许)(?:请勿|禁止|不得)(?:转载|使用|翻印)?",
    r"版权所有(?:侵权必究|翻印必究)?", r"(?:谨|仅)供(?:学习|参考)(?:交流)?(?:使用)?(?:请勿用于商业用途)?", r"请勿用于商业用途",
    r"更多精彩(?:内容)?(?:敬请关注|请关注.{0,12})", r"本(?:节目|视频)由.{1,12}(?:赞助|独家冠名)(?:播出)?", r"(?:the)?end",
    r"allrightsreserved", r"copyright.{0,30}", r"www[a-z0-9]{3,30}(?:com|org|net)",
)
# What speakers do say at an end, and Whisper where there is none: believed only where a voice is heard.
_FAREWELL = (
    r"(?:非常|再次|多)?(?:谢谢|感谢|多谢)(?:你们?|您|大家|各位)?(?:的)?(?:观看|收看|收听|聆听|支持|关注|陪伴|欣赏|耐心)?"
    r"(?:本期|本集|今天的)?(?:视频|节目|影片)?(?:了|哦|啊)?",
    r"(?:那)?(?:我们)?(?:咱们)?(?:下|明)(?:集|期|次|回|个视频|周|天)(?:节目|视频)?(?:再见|再会|见)(?:吧|啦)?",
    r"再见", r"拜拜", r"掰掰",
    r"(?:请|欢迎|记得|别忘了|希望大家|喜欢的话|喜欢的朋友|大家|帮我|一定要)*"
    r"(?:点赞|按赞|点个赞|点一?个?关注|关注|订阅|转发|分享|收藏|投币|评论|留言|一键三连|三连|打开小铃铛|开启小铃铛|小铃铛|按下"
    r"|和|与|及|并|我|我们|我的|本|频道|哦|吧|一下|加|以及)",
    r"(?:本期|本集|今天的|这期|这集)?(?:视频|节目|影片)?(?:就)?(?:到|先到)(?:这里|这|此)(?:结束|为止)?(?:了|吧)?",
    r"未完待续", r"敬请期待(?:下集)?", r"(?:下集|精彩)预告",
    r"(?:the)?(?:thankyou|thanks)(?:so|very)?(?:much)?(?:all|everyone|guys)?"
    r"(?:for(?:watching|listening|viewing|yourattention|yoursupport))?(?:this|the|my)?(?:video)?",
    r"(?:and)?(?:please)?(?:dontforgetto|rememberto)?"
    r"(?:like|share|subscribe|comment|hitthebell|and|tomychannel|tothechannel|for(?:more|morevideos))",
    r"(?:ill|illbe|iwill|we)?(?:see|seeing)?(?:you)?(?:guys)?(?:all)?(?:in)?(?:the)?(?:nextvideo|nexttime|nextone|later|soon|again)",
    r"bye", r"goodbye", r"you", r"oh", r"so", r"okay", r"hmm+",
    r"音乐", r"掌声", r"笑声", r"music", r"applause", r"laughter",
)
_ANYWHERE = re.compile("|".join(_TELLTALE))
_WHOLE = re.compile("|".join(_CREDIT))
_LEAVE_TAKING = re.compile("|".join(_FAREWELL))
# On the text as it is written: a sound described in brackets, or notes.
_DESCRIBED = re.compile(r"[\[(（【〔*♪♫♬] ?[^\])）】〕*]{0,16} ?[\])）】〕*♪♫♬]? ?")
_LONGEST = 64           # characters of one piece of a farewell or a description


def spoken_form(text: str) -> str:
    """The text as it is compared: simplified, lower case, without spaces and punctuation."""
    return "".join(c for c in fold(text) if c.isalnum())


def is_invention(text: str) -> bool:
    """Whether a line is one that nobody says: a subtitle's credit, a channel's appeal, a prompt, a sound described."""
    spoken = spoken_form(text)
    return bool(
        _ANYWHERE.search(spoken) or _WHOLE.fullmatch(spoken) or _is_described(text) or (text.strip() and not spoken)
    )


def is_farewell(text: str) -> bool:
    """Whether a line is nothing but thanks, goodbyes and calls to subscribe, which are said and invented alike."""
    spoken = spoken_form(text)
    return _consists_of(_LEAVE_TAKING, spoken)


def _is_described(text: str) -> bool:
    line = " ".join(text.split())
    return _consists_of(_DESCRIBED, line[:-1].rstrip() if line.endswith((".", "。", "…")) else line)


def _consists_of(piece: re.Pattern[str], text: str) -> bool:
    """Whether a text is one piece after the other. `(piece)+` would take time without end over a recogniser's loops, which
    can be cut into pieces in very many ways."""
    reached = {0}       # places where a piece may begin
    for begin in range(len(text)):
        if begin in reached:
            ends = range(begin + 1, min(begin + _LONGEST, len(text)) + 1)
            reached.update(end for end in ends if piece.fullmatch(text, begin, end))
    return bool(text) and len(text) in reached
