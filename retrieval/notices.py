"""What a person should know of an answer or a library, in English and in Chinese."""

from __future__ import annotations


class Notice(str):
    """A sentence in English, which it is everywhere that knows of no other; `zh`: the same in Chinese."""

    __slots__ = ("zh",)
    zh: str

    def __new__(cls, english: str, *, zh: str) -> Notice:
        notice = super().__new__(cls, english)
        notice.zh = zh
        return notice

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, str]]:
        """An error that carries one may go to another process."""
        return (str(self),), {"zh": self.zh}


def in_chinese(sentence: str) -> str:
    """A notice in Chinese; what is said in English alone, as most causes of errors are, stays as it is."""
    return sentence.zh if isinstance(sentence, Notice) else sentence
