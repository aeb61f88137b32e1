"""Excerpts of many texts at once are those of each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus.lines import EXCERPT_CHARACTERS, excerpt, excerpts

_TEXTS = st.lists(
    st.lists(
        st.sampled_from(
            ["电话13812345678", "好" * 300, "\n", "\x00", "\ud800", "a@b.cn", "联系人：王伟，", "１３８", "4"]
        ),
        max_size=8,
    ).map("".join),
    max_size=5,
)


@given(_TEXTS)
def test_many_at_once_are_what_each_is(texts: list[str]) -> None:
    assert excerpts(texts) == [excerpt(text) for text in texts]


def test_nothing_of_a_number_is_shown() -> None:
    shown = excerpts(["电话13812345678。", "好" * 799 + "13812345678"])
    assert shown == ["电话〔手机号〕。", "好" * EXCERPT_CHARACTERS]
