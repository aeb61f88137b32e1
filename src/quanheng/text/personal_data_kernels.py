"""Which recognisers of personal data could find anything in a text, to be compiled (`compiled.py`).

One walk over the folded view of every text asks of each recogniser what all that it finds has in common: a word, or a
sign and what stands beside it, never what does not stand there: what is hidden later is no longer there. `_cues.py`
says what characters and words are, `personal_data` what each flag lets run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quanheng.text.utf8_kernels import code_at, width_of

if TYPE_CHECKING:
    import numpy as np

    Ints = np.ndarray[Any, np.dtype[np.int64]]
    Points = np.ndarray[Any, np.dtype[np.uint32]]
    Bytes = np.ndarray[Any, np.dtype[np.uint8]]
    Offsets = np.ndarray[Any, np.dtype[np.int32]]

KERNELS = {"cues": "u1* i4* i8 u4* u1* i8 i8* i8* i8* i8* i8* i8* u4* u1* u4* i8* i8* i8* -> i8"}

#: From here on folded code points are none: the table does not know the character yet; above, it is left out.
UNKNOWN = 0xFFFFFFFE
#: Zeros before and behind a text, so that what looks around need not ask where it ends.
MARGIN = 64

#: What a character is, as bits: several at once.
DIGIT, GAP, X, LETTER, VALUE, LOCAL, COUNT, DASH = 1, 2, 4, 8, 16, 32, 64, 128
ANCHOR, SEPARATOR, SURNAME, DIRECT, OPENER, DELIMITER, STOP, HEX = 256, 512, 1024, 2048, 4096, 8192, 16384, 32768
#: What is looked at more closely where a character of these stands.
AT, SIGN, DOT, PROVINCE, UNIT, WORD_END = 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20, 1 << 21
_CHAIN = DIGIT | GAP | X
_LOOK = AT | SIGN | DOT | PROVINCE | UNIT
#: What the walk does something at.
ACTIVE = DIGIT | _LOOK | WORD_END
_PLATE = DIGIT | LETTER
_NUMBERING = DIGIT | COUNT | DASH

#: What may stand in a text. FOUR, SIX: so many digits, signs between; CHAIN: five with at most three signs between.
#: STRETCH: what `_numbers.stretches` finds. ANNOUNCED: a name behind a word for it; TABLE: a column of names.
EMAIL, URL, SECRET, IPV4, IPV6, PLATE, WECHAT, ADDRESS = 1, 2, 4, 8, 16, 32, 64, 128
ANNOUNCED, TABLE, FOUR, SIX, CHAIN, STRETCH = 1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13
CARD_WORD, PERMIT, PASSPORT, QQ = 1 << 14, 1 << 15, 1 << 16, 1 << 17
#: While the walk lasts: a word that announces a name; a word without its last letter; the title of a column.
CUE, BUT_LAST, _TITLED = 1 << 18, 1 << 19, 1 << 20
_ALONE = EMAIL | URL | SECRET | IPV4 | IPV6 | PLATE | WECHAT | ADDRESS | ANNOUNCED | TABLE


def is_wanted(found: int) -> bool:
    """Return whether any recogniser has its cues."""
    long = found & SIX != 0 and found & (STRETCH | CARD_WORD | PERMIT | PASSPORT) != 0
    return found & _ALONE != 0 or long or (found & QQ != 0 and found & FOUR != 0)


def _at(room: Points, sets: Ints, kinds: Bytes, at: int) -> int:
    """Return what an @ may belong to: an e-mail address, user and password of a URL."""
    found = 0
    left, right = at - 1, at + 1
    if room[left] == 32 and room[right] == 32:
        left -= 1
        right += 1
    if sets[kinds[left]] & LOCAL and sets[kinds[right]] & _PLATE:
        found |= EMAIL
    left = at - 1
    steps, colon = 0, False
    while steps < 200 and room[left] != 0 and not sets[kinds[left]] & STOP:
        colon = colon or room[left] == 58
        left -= 1
        steps += 1
    if colon and room[left] == 47 and room[left - 1] == 47 and room[left - 2] == 58:
        found |= URL
    return found


def _sign(room: Points, sets: Ints, kinds: Bytes, at: int) -> int:
    """Return what a colon or an equals sign may belong to: the value of a secret, an IPv6 address."""
    found = 0
    # Before it the last letter of token, key, secret, id, pwd, sign, sig, jwt; a quote and a blank may stand between.
    left = at - 1
    if room[left] == 32:
        left -= 1
    if room[left] == 34 or room[left] == 39:
        left -= 1
    last = room[left]
    if last == 100 or last == 103 or last == 110 or last == 116 or last == 121:
        right = at + 1
        if room[right] == 32:
            right += 1
        if room[right] == 34 or room[right] == 39:
            right += 1
        length = 0
        while length < 8 and sets[kinds[right + length]] & VALUE:
            length += 1
        if length == 8:
            found |= SECRET
    first = room[at - 4]
    if room[at] == 58 and (first == 50 or first == 51 or first == 102):
        inside = sets[kinds[at - 3]] & sets[kinds[at - 2]] & sets[kinds[at - 1]] & HEX
        if inside and (sets[kinds[at + 1]] & HEX or room[at + 1] == 58):
            found |= IPV6
    return found


def _is_ipv4(room: Points, sets: Ints, kinds: Bytes, at: int) -> bool:
    """Return whether three full stops with digits between begin here, behind a digit."""
    if not sets[kinds[at - 1]] & DIGIT:
        return False
    for _ in range(3):
        if room[at] != 46 or not sets[kinds[at + 1]] & DIGIT:
            return False
        at += 2
        at += sets[kinds[at]] & DIGIT
        at += sets[kinds[at]] & DIGIT
    return True


def _is_plate(room: Points, sets: Ints, kinds: Bytes, at: int) -> bool:
    """Return whether a letter and three digits of the tail stand behind the short name of a province."""
    at += 1
    if room[at] == 32:
        at += 1
    if not sets[kinds[at]] & LETTER:
        return False
    at += 1
    for _ in range(2):
        if sets[kinds[at]] & SEPARATOR:
            at += 1
    if not sets[kinds[at]] & _PLATE or not sets[kinds[at + 1]] & _PLATE:
        return False
    digits = 0
    for step in range(7):
        digits += sets[kinds[at + step]] & DIGIT
    return digits >= 3


def _is_house(room: Points, sets: Ints, kinds: Bytes, at: int) -> bool:
    """Return whether a number stands before the unit, and before that something it can hang on."""
    left, steps = at - 1, 0
    while steps < 26 and sets[kinds[left]] & _NUMBERING:
        left -= 1
        steps += 1
    if steps == 0:
        return False
    if room[left] == 32:
        left -= 1
    return bool(sets[kinds[left]] & ANCHOR)


def _look(room: Points, sets: Ints, kinds: Bytes, at: int, bits: int) -> int:
    """Return what may be found around a sign that is to be looked at more closely."""
    found = 0
    if bits & DOT and _is_ipv4(room, sets, kinds, at):
        found |= IPV4
    if bits & SIGN:
        found |= _sign(room, sets, kinds, at)
    if bits & UNIT and _is_house(room, sets, kinds, at):
        found |= ADDRESS
    if bits & PROVINCE and _is_plate(room, sets, kinds, at):
        found |= PLATE
    if bits & AT:
        found |= _at(room, sets, kinds, at)
    return found


def _words(room: Points, words: Ints, spans: Ints, told: Ints, spelt: Points, end: int, at: int) -> int:
    """Return what is told by the words that end here, which all have the end of this number."""
    found = 0
    for word in range(words[end], words[end + 1]):
        first, last = spans[word], spans[word + 1] - 1
        left = at
        while last >= first and room[left] == spelt[last]:
            left -= 1
            last -= 1
        if last < first:
            found |= told[word]
    return found


def _is_han(code: int) -> bool:
    return 0x4E00 <= code <= 0x9FFF


def _behind_cue(room: Points, at: int) -> int:
    """Return the place behind what may belong to a word that announces a name: 姓名, (甲方)."""
    code, following = room[at], room[at + 1]
    if code == 0x59D3 and following == 0x540D:  # 姓名
        at += 2
    elif code == 0x540D:  # 名, 名称, 名字
        at += 2 if following == 0x79F0 or following == 0x5B57 else 1
    elif code == 0x4FE1 and following == 0x606F:  # 信息
        at += 2
    if room[at] == 40:
        for step in range(2, 10):
            if room[at + step] == 41:
                return at + step + 1
    return at


def _is_name(room: Points, at: int) -> bool:
    """Return whether a Han stands behind a surname."""
    at += 1
    for _ in range(4):
        if room[at] == 32:
            at += 1
    return _is_han(room[at])


def _announced(room: Points, sets: Ints, kinds: Bytes, at: int) -> int:
    """Return whether a name may stand behind a word that ends here, and whether it may be the title of a column."""
    at = _behind_cue(room, at)
    found = 0
    # Without a sign between, fewer surnames count, save behind 叫.
    wanted = SURNAME if room[at - 1] == 0x53EB else DIRECT
    for _ in range(17):
        bits = sets[kinds[at]]
        if bits & wanted and _is_name(room, at):
            found |= ANNOUNCED
        if bits & DELIMITER:
            found |= _TITLED
        if not bits & OPENER:
            break
        wanted = SURNAME
        at += 1
    return found


def _has_cell(room: Points, sets: Ints, kinds: Bytes, first: int, last: int) -> bool:
    """Return whether a cell holds what could be a name, and no more."""
    for at in range(first, last + 1):
        if at < last and not sets[kinds[at]] & DELIMITER:
            continue
        left, length, leading = at - 1, 0, 0
        while left >= first and not sets[kinds[left]] & DELIMITER and length < 5:
            if room[left] != 32 and room[left] != 34 and room[left] != 39:
                length += 1
                leading = sets[kinds[left]]
            left -= 1
        if 2 <= length <= 4 and leading & SURNAME:
            return True
    return False


def _counted(most: int, plain: int, chain: int) -> int:
    """Return what rows of so many digits are: with any signs between, with at most three, and as a stretch."""
    found = 0
    if most >= 4:
        found |= FOUR
    if most >= 6:
        found |= SIX
    if plain >= 5:
        found |= CHAIN
    if chain >= 7:
        found |= STRETCH
    return found


def _folded(
    data: Bytes, start: int, stop: int, fold: Points, classes: Bytes, room: Points, kinds: Bytes, begin: int
) -> int:
    """Put the folded view of data[start:stop] and what its characters are at `begin`, margins around it.

    Return where it ends, -1 when `fold` lacks a character.
    """
    end = begin
    while start < stop:
        width = width_of(data[start])
        code = fold[code_at(data, start, width)]
        start += width
        if code < UNKNOWN:
            room[end] = code
            kinds[end] = classes[code]
            end += 1
        elif code == UNKNOWN:
            return -1
    for at in range(MARGIN):
        room[begin - MARGIN + at] = room[end + at] = 0
        kinds[begin - MARGIN + at] = kinds[end + at] = 0
    return end


def _digits(
    sets: Ints, kinds: Bytes, begin: int, at: int, stretches: Ints, stretch: int
) -> tuple[int, int, int, int, int]:
    """Enter the stretches among the digits from `at` on, and what may stand between them.

    Return where they end, how many stretches there are now, and what is in a row at most: digits, with any signs
    between; digits, with at most three; characters of a stretch.
    """
    six, plain, chain, gap, first = 0, 0, 0, 0, at
    most_six, most_plain, most_chain = 0, 0, 0
    while sets[kinds[at]] & _CHAIN:
        bits = sets[kinds[at]]
        if bits & DIGIT or (bits & X and chain > 0):
            first = at if chain == 0 else first
            chain += 1
            six = six + 1 if bits & DIGIT else 0
            plain = plain + 1 if bits & DIGIT else 0
            gap = 0
            most_six, most_plain, most_chain = max(most_six, six), max(most_plain, plain), max(most_chain, chain)
            if chain == 7:
                stretches[2 * stretch] = first - begin
                stretch += 1
            if chain >= 7:
                stretches[2 * stretch - 1] = at + 1 - begin
        elif bits & X:
            six = plain = 0
        else:
            gap += 1
            if gap > 3:
                plain = chain = 0
        at += 1
    return at, stretch, most_six, most_plain, most_chain


def cues(
    data: Bytes,
    offsets: Offsets,
    documents: int,
    fold: Points,
    classes: Bytes,
    active: int,
    sets: Ints,
    ends: Ints,
    befores: Ints,
    words: Ints,
    spans: Ints,
    told: Ints,
    spelt: Points,
    kinds: Bytes,
    room: Points,
    texts: Ints,
    stretches: Ints,
    cued: Ints,
) -> int:
    """Fill what follows `spelt` with what every text may hold; return 0, or 1 when `fold` lacks a character.

    Text i is the UTF-8 data[offsets[i]:offsets[i + 1]]. classes: of each folded code point, those from `active` on are
    acted on; sets, ends, befores: what the class is, which end of a word, and as bits the ends that it may stand
    before. The words of end e are words[e]:words[e + 1], word w is spelt[spans[w]:spans[w + 1]] and tells told[w].

    texts: five numbers of each. Its flags; 0, and nothing of it is kept, where no recogniser has its cues. Beginning
    and end of its folded view in `room`. How many stretches, and places of words behind which a name may stand, there
    are in this text and those before. room, kinds: space for all texts and a margin for each.
    """
    begin, stretched, names = MARGIN, 0, 0
    for row in range(documents):
        end = _folded(data, int(offsets[row]), int(offsets[row + 1]), fold, classes, room, kinds, begin)
        if end < 0:
            return 1
        found, done, stretch, name = 0, 0, stretched, names
        for at in range(begin, end):
            kind = kinds[at]
            if kind < active:
                continue
            bits = sets[kind]
            if bits & DIGIT and at >= done:
                done, stretch, six, plain, chain = _digits(sets, kinds, begin, at, stretches, stretch)
                found |= _counted(six, plain, chain)
            if bits & WORD_END and befores[kinds[at - 1]] >> ends[kind] & 1:
                here = _words(room, words, spans, told, spelt, ends[kind], at)
                found |= here
                if here & (CUE | BUT_LAST):
                    more = _announced(room, sets, kinds, at + 2 if here & BUT_LAST else at + 1)
                    found |= more if here & CUE else more & _TITLED
                    if here & CUE and more & ANNOUNCED:
                        cued[name] = at - begin
                        name += 1
            if bits & _LOOK:
                found |= _look(room, sets, kinds, at, bits)
        if found & CUE and found & _TITLED and _has_cell(room, sets, kinds, begin, end):
            found |= TABLE
        texts[5 * row] = 0
        if is_wanted(found):
            texts[5 * row], texts[5 * row + 1], texts[5 * row + 2] = found & (CUE - 1), begin, end
            stretched, names, begin = stretch, name, end + MARGIN
        texts[5 * row + 3], texts[5 * row + 4] = stretched, names
    return 0
