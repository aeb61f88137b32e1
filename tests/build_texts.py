"""Generated Chinese pages for tests of whole builds: boilerplate, copies, near-copies, repeated passages, noise."""

from __future__ import annotations

import random

#: Common enough for recipes that drop texts of rare characters.
HAN = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法"
    "所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天"
    "政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情"
    "者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手"
    "角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热领七海口东导器压志世金增争济阶油思术"
)


def near(text: str, rng: random.Random) -> str:
    """Return the text with a character of it replaced."""
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(HAN) + text[at + 1 :]


def texts_of(seed: int, count: int) -> list[str]:
    """Return pages with boilerplate, copies, near-copies and repeated passages; some below what a recipe wants."""
    rng = random.Random(seed)
    common = random.Random(0)
    passages = ["".join(common.choices(HAN, k=90)) + "。" for _ in range(4)]
    models = ["，".join("".join(common.choices(HAN, k=12)) for _ in range(9)) + "。" for _ in range(6)]
    made: list[str] = []
    for number in range(count):
        own = "，".join("".join(rng.choices(HAN, k=rng.randrange(5, 15))) for _ in range(8)) + "。"
        kind = number % 7
        if kind == 1:
            own = near(rng.choice(models), rng)
        elif kind == 2:
            own += rng.choice(passages)
        elif kind == 3 and made:
            own = rng.choice(made)
        elif kind == 4:
            own = "短"
        made.append(own if kind == 3 else f"{own}\n本站文章均由会员上传，版权归原作者所有，转载请注明出处")
    return made
