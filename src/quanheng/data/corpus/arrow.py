"""Between Python lists or numpy arrays and Arrow arrays, without pandas.

pyarrow's own ways ask pandas whether it knows the values, and so import it wherever it is installed: 0.3 CPU-seconds
in every process, for nothing. Here the buffers are used directly; what is not covered is left to pyarrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Ints = np.ndarray[Any, np.dtype[np.int32]]

#: Kinds of numpy arrays that may be put into a column of each kind without loss.
_TAKES = {"b": "b", "i": "i", "u": "ui", "f": "fi"}
#: Of all values of a column of texts together.
MOST_BYTES = 2**31 - 1


def to_arrow(values: Sequence[Any] | np.ndarray[Any, Any], kind: pa.DataType) -> pa.Array:
    """Return the values, none of them None, as an Arrow array of this type. Raises what `pyarrow.array` does.

    >>> import pyarrow as pa
    >>> to_arrow(["a", ""], pa.string()).to_pylist(), to_arrow([[], ["b"]], pa.list_(pa.string())).to_pylist()
    (['a', ''], [[], ['b']])
    """
    import pyarrow as pa

    made = None
    if pa.types.is_string(kind):
        made = _strings(values)
    elif pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_float64(kind):
        made = _numbers(values, kind)
    elif pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        made = _lists(values, kind)
    return pa.array(values, kind) if made is None else made


def _strings(values: Any) -> pa.Array | None:
    import pyarrow as pa

    try:
        parts = list(map(str.encode, values))
    except TypeError:  # not all of them are texts
        return None
    data = b"".join(parts)
    if len(data) > MOST_BYTES:
        return None
    return pa.StringArray.from_buffers(len(parts), pa.py_buffer(_offsets(parts)), pa.py_buffer(data))


def _lists(values: Any, kind: pa.DataType) -> pa.Array | None:
    import pyarrow as pa

    if not all(isinstance(value, list | tuple) for value in values):
        return None
    inner = _strings(list(chain.from_iterable(values)))
    if inner is None:
        return None
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(_offsets(values))], children=[inner])


def _offsets(parts: Sequence[Any]) -> Ints:
    import numpy as np

    offsets = np.zeros(len(parts) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, parts), np.int32, len(parts)), out=offsets[1:])
    return offsets


def _numbers(values: Any, kind: pa.DataType) -> pa.Array | None:
    import numpy as np
    import pyarrow as pa

    wanted = np.dtype(kind.to_pandas_dtype())
    found = np.asarray(values) if len(values) else np.zeros(0, wanted)
    if found.ndim != 1 or found.dtype.kind not in _TAKES[wanted.kind]:
        return None
    if found.dtype != wanted:
        cast = found.astype(wanted)
        if not np.array_equal(cast.astype(found.dtype), found):  # an integer that the type has no room for
            return None
        found = cast
    if wanted.kind == "b":
        found = np.packbits(found, bitorder="little")
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(found))])


def to_numpy(array: pa.Array) -> np.ndarray[Any, Any]:
    """Return the values of an Arrow array of numbers without nulls, shared where it can be: read-only.

    >>> import pyarrow as pa
    >>> to_numpy(to_arrow([True, False], pa.bool_())).tolist()
    [True, False]
    """
    import numpy as np
    import pyarrow as pa

    if array.null_count:
        raise ValueError("the array has nulls")
    is_boolean = pa.types.is_boolean(array.type)
    plain = array.cast(pa.uint8()) if is_boolean else array
    wanted = np.dtype(plain.type.to_pandas_dtype())
    buffer = plain.buffers()[1]
    if buffer is None:
        return np.zeros(0, array.type.to_pandas_dtype())
    values = np.frombuffer(buffer, wanted, len(plain), plain.offset * wanted.itemsize)
    return values.astype(bool) if is_boolean else values
