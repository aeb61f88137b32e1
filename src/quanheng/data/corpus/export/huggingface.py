"""The front matter of a README.md, as the Hugging Face Hub and the `datasets` library read it.

Source: Hub documentation, dataset cards and "Manual configuration" (keys `configs`, `license`, `size_categories`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from quanheng.data.corpus.export.record import ExportRecord

#: Licences that the Hub has a name for: the SPDX identifier in lower case. Others are "other" with a name.
_KNOWN = frozenset(
    """apache-2.0 mit bsd-2-clause bsd-3-clause mpl-2.0 gpl-2.0 gpl-3.0 lgpl-2.1 lgpl-3.0 agpl-3.0 gfdl isc zlib
    unlicense wtfpl ncsa postgresql epl-1.0 epl-2.0 eupl-1.1 eupl-1.2 artistic-2.0 ecl-2.0 ofl-1.1 ms-pl odbl pddl
    odc-by cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0
    cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
    cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0""".split()
)
_SUFFIXES = ("-only", "-or-later")
#: Upper bounds of `size_categories`, in documents.
_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
    (10**9, "100M<n<1B"),
    (10**10, "1B<n<10B"),
    (10**11, "10B<n<100B"),
    (10**12, "100B<n<1T"),
)


def size_category(documents: int) -> str:
    """Return the size class of a data set.

    >>> size_category(1000)
    '1K<n<10K'
    """
    return next((name for limit, name in _SIZES if documents < limit), "n>1T")


def hub_licence(spdx: str) -> str:
    """Return the Hub's identifier of a licence: "unknown" for NOASSERTION, "other" for those it has no name for.

    >>> hub_licence("GPL-2.0-or-later"), hub_licence("NOASSERTION"), hub_licence("LicenseRef-statutes")
    ('gpl-2.0', 'unknown', 'other')
    """
    if spdx == "NOASSERTION":
        return "unknown"
    name = spdx.lower()
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name if name in _KNOWN else "other"


def front_matter(record: ExportRecord, title: str, languages: Sequence[str]) -> str:
    """Return the YAML between two lines `---`: licence, language, size, and the files of each split.

    Texts are written as JSON strings, which are YAML strings.
    """
    with_text = [source for source in record.sources if source.documents]
    hub = sorted({hub_licence(source.licence) for source in with_text})
    lines = ["---", f"pretty_name: {_quote(title)}", "language:", *(f"- {language}" for language in languages)]
    lines += ["license:", *(f"- {name}" for name in hub)]
    if "other" in hub:
        others = sorted({source.licence for source in with_text if hub_licence(source.licence) == "other"})
        lines.append(f"license_name: {_quote(', '.join(others))}")
    lines += ["size_categories:", f"- {size_category(record.total_documents)}"]
    lines += ["task_categories:", "- text-generation"]
    lines += ["configs:", "- config_name: default", "  data_files:"]
    for split, documents in record.documents.items():
        if documents:
            lines += [f"  - split: {split}", f"    path: data/{split}-*.parquet"]
    return "\n".join([*lines, "---", ""])


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
