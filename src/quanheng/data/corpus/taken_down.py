"""What was taken down, as a list that holds no text: by it the same documents stay down when sources are built again.

A corpus with a takedown behind it has the list of all that was taken down before, as a layer; of one that an earlier
version made, its decisions tell the ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from quanheng.data.corpus.takedown_counts import REASON, Taken
from quanheng.data.corpus.traces import JSONL, OpenLayer, Traces, tables
from quanheng.kinds.corpora import TakenDown
from quanheng.store import Layer, LocalObjects, canonical_json

TITLE = "taken-down.jsonl"


@dataclass
class Down:
    """Documents and sources that were taken down. documents: source and digest of the text, by id."""

    documents: dict[str, tuple[str, str]] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, layers: Sequence[Layer], open_layer: OpenLayer) -> Down:
        """Return what was taken down from a corpus with these layers."""
        found = cls()
        if any(layer.title == TITLE for layer in layers):
            with open_layer(TITLE) as stream:
                for line in stream:
                    row = TakenDown.model_validate_json(line)
                    found.add(row.id, row.source, row.text_digest) if row.id else found.sources.add(row.source)
            return found
        for layer in layers:
            if not layer.title.startswith("decisions/"):
                continue
            for table in tables(open_layer(layer.title), ("id", "source", "reason")):
                for id, source, reason in zip(*(column.to_pylist() for column in table.columns), strict=True):
                    if reason == REASON:
                        found.documents[id] = source, ""
        return found

    def add(self, id: str, source: str, digest: str = "") -> None:
        """Note a document; the digest of its text, once known, stays known."""
        self.documents[id] = source, digest or self.documents.get(id, ("", ""))[1]

    def update(self, other: Down) -> None:
        """Note all that another list tells."""
        for id, (source, digest) in other.documents.items():
            self.add(id, source, digest)
        self.sources |= other.sources

    def note(self, taken: Taken, traces: Traces) -> None:
        """Note what a takedown took: documents, whole sources, and such as were quoted and never in the corpus."""
        for id, (source, _, digest) in taken.ids.items():
            self.add(id, source, f"sha256:{digest.hex()}")
        for id, source in traces.dropped.items():
            self.add(id, source)
        self.sources |= traces.sources

    @property
    def digests(self) -> tuple[str, ...]:
        """Return the digests of texts that are known, each once."""
        return tuple(dict.fromkeys(digest for _, digest in self.documents.values() if digest))

    def store(self, objects: LocalObjects) -> Layer:
        """Return the list as a layer, stored."""
        with objects.writer() as out:
            for source in sorted(self.sources):
                out.write(canonical_json(TakenDown(id="", source=source).model_dump()) + b"\n")
            for id, (source, digest) in sorted(self.documents.items()):
                out.write(canonical_json({"id": id, "source": source, "text_digest": digest}) + b"\n")
        return Layer(out.result.digest, out.result.size, JSONL, TITLE)
