"""Duplicates over a whole corpus in bounded memory: sorted files, bands, verification, lines, passages.

    sketches ──► partition files by key (spill) ──► sorted, one partition at a time ──► groups of equal keys
    exact: a group is a set of copies          near: a group gives pairs ──► exact Jaccard ──► roots
    lines: a group is a line of many documents substring: a group gives anchors ──► compared, extended

The order of preference is one number per document (`order`): lower rank, then earlier unit, then earlier row. The one
with the lowest number stays: the earliest licensed source, whatever the files' order. Nothing depends on how the
documents are cut into units. Pure: numpy and files in a scratch folder, no Django.
"""
