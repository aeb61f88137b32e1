"""Arrow arrays made without pandas: the same as pyarrow's own, and what is not covered is left to it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa  # noqa: TID253 - a test
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus.arrow import to_arrow, to_numpy

LISTS = pa.list_(pa.string())
INTEGERS = st.integers(-(2**63), 2**63 - 1)


@given(
    st.one_of(
        st.tuples(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.just(pa.string())),
        st.tuples(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])))), st.just(LISTS)),
        st.tuples(st.lists(INTEGERS), st.just(pa.int64())),
        st.tuples(st.lists(st.booleans()), st.just(pa.bool_())),
        st.tuples(st.lists(st.floats(allow_nan=False)), st.just(pa.float64())),
    )
)
def test_it_is_what_pyarrow_makes(case: tuple[list[Any], pa.DataType]) -> None:
    values, kind = case
    made = to_arrow(values, kind)
    made.validate(full=True)
    assert made.equals(pa.array(values, kind))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.arange(5)[::2], pa.int64()),
        (np.arange(3, dtype=np.int64), pa.int32()),
        (np.array([True, False, True] * 5), pa.bool_()),
        (np.arange(3, dtype=np.uint64), pa.uint64()),
        (np.zeros(0), pa.float64()),
        ([1, 2.5], pa.float64()),
        ([None, "a"], pa.string()),
    ],
)
def test_arrays_of_numpy_too(values: Any, kind: pa.DataType) -> None:
    assert to_arrow(values, kind).equals(pa.array(values, kind))


@pytest.mark.parametrize(
    ("values", "kind"),
    [(["\ud800"], pa.string()), ([1], pa.string()), (["x"], pa.int64()), ([2**40], pa.int32())],
)
def test_what_pyarrow_refuses_is_refused_alike(values: list[Any], kind: pa.DataType) -> None:
    with pytest.raises((ValueError, TypeError)) as theirs:
        pa.array(values, kind)
    with pytest.raises((ValueError, TypeError)) as ours:
        to_arrow(values, kind)
    assert type(ours.value) is type(theirs.value)


@pytest.mark.parametrize("kind", [pa.bool_(), pa.int64(), pa.uint32(), pa.float64()])
def test_back_to_numpy_with_slices_and_without_values(kind: pa.DataType) -> None:
    array = pa.array([1, 0, 1, 1, 0, 1, 0, 0, 1], pa.int64()).cast(kind)
    for part in (array, array[3:7], array[9:], pa.array([], kind)):
        assert to_numpy(part).tolist() == part.to_pylist()
    with pytest.raises(ValueError, match="nulls"):
        to_numpy(pa.array([None], kind))


def test_pandas_is_not_imported() -> None:
    program = (
        "import sys, pyarrow as pa, numpy as np\n"
        "from quanheng.data.corpus.arrow import to_arrow, to_numpy\n"
        "to_numpy(to_arrow([1], pa.int64())), to_arrow(['a'], pa.string()), to_arrow(np.zeros(2, bool), pa.bool_())\n"
        "print('pandas' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
