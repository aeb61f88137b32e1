"""Licences as SPDX writes them: an identifier of its list, an expression of some, or a LicenseRef of one's own."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

#: What SPDX writes where nobody can tell the licence.
UNCLEAR = "NOASSERTION"
#: Licences that text and models are often under, offered where one is typed; any other of the list is taken too.
USUAL = (
    "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "Apache-2.0", "MIT", "BSD-3-Clause", "ODC-By-1.0",
    "ODbL-1.0", "MulanPSL-2.0", "GPL-3.0-or-later", "LicenseRef-",
)  # fmt: skip
#: So many near identifiers are named.
MOST_NEAR = 4
#: A longer expression is refused; so many characters of one are told.
LONGEST, SHOWN = 500, 60


def spdx_licence(text: str) -> str:
    """Return a licence as SPDX writes it, letter case put right; NOASSERTION for an empty text.

    Raises PydanticCustomError, in Chinese too, with the nearest identifiers for what SPDX does not know.

    >>> spdx_licence("mit or apache-2.0"), spdx_licence("LicenseRef-letter"), spdx_licence("noassertion")
    ('MIT OR Apache-2.0', 'LicenseRef-letter', 'NOASSERTION')
    """
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    text = text.strip()
    if text.upper() in ("", UNCLEAR):
        return UNCLEAR
    try:
        if len(text) <= LONGEST:
            return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        pass
    near = _near(text[:LONGEST])
    raise PydanticCustomError(
        "unknown_licence",
        "'{shown}' is no SPDX licence{en}. Write an identifier of its list, such as CC-BY-4.0; LicenseRef-NAME "
        "(letters, digits, - and .) for a licence that is not on it; or leave it out and say in words what was found",
        {
            "shown": text[:SHOWN],
            "en": f" (near it: {', '.join(near)})" if near else "",
            "zh": f"“{text[:SHOWN]}”不是 SPDX 许可证{'（相近的有 ' + '、'.join(near) + '）' if near else ''}。"
            "请写 SPDX 清单中的标识，如 CC-BY-4.0；清单之外的许可写 LicenseRef-名称（字母、数字、- 和 .）；"
            "不明确时不填，另用文字说明查到的情况",
        },
    )


def _near(text: str) -> list[str]:
    """Return the identifiers most like what was written: those that it begins, newest first, then those spelt alike."""
    from packaging.licenses._spdx import LICENSES  # the list itself has no public name

    asked = text.lower()
    if asked.startswith("licenseref"):
        return []
    known = {key: str(row["id"]) for key, row in LICENSES.items() if not row["deprecated"]}
    words = re.sub(r"\b(licen[cs]e|version|v(?=\d))|\bthe\b|[()]", " ", asked)
    asked = "-".join(re.split(r"[\s_-]+", words.strip()))
    spelt = (asked, re.sub(r"(?<=[a-z])(?=\d)", "-", asked))  # "gpl3" is meant as "gpl-3", "cc0" as it stands
    begun = sorted((key for key in known if asked and key.startswith(spelt)), reverse=True)
    begun.sort(key=lambda key: (key != asked, len(key)))
    found = [*begun[:MOST_NEAR], *get_close_matches(asked, known, n=MOST_NEAR, cutoff=0.6)]
    return [known[key] for key in dict.fromkeys(found)][:MOST_NEAR]


#: The field of an input that holds a licence.
SpdxLicence = Annotated[str, AfterValidator(spdx_licence)]
