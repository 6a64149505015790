"""What tables can be given as, reduced to what speaks Arrow.

Whatever has the Arrow PyCapsule interface is handed on as it is. NumPy arrays, and the
columns of a pandas frame, become one array each; a column of text in NumPy's own layout
is converted as a whole, and only arrays of Python objects are looked at one by one.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

from netpolicy._native import fixed_size_binary_array, fixed_width_text_array, text_array

if TYPE_CHECKING:
    import numpy as np


def arrow(table: Any, names: Sequence[object], keep: bool | Iterable[str] | None) -> Any:
    """The table itself, or a list of pairs of a column's name and an array.

    ``names`` are those of the columns that are asked for (or values for all rows),
    ``keep`` tells which others are wanted. What is not wanted has no array: it may hold
    what Arrow has no type for.
    """
    pandas = sys.modules.get("pandas")
    convert: Callable[[Any], Any] = _column
    if pandas is not None and isinstance(table, pandas.DataFrame):
        columns, convert = list(table.columns), _series
    elif hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__"):
        return table
    elif isinstance(table, Mapping):
        columns = list(table)
    elif (fields := getattr(getattr(table, "dtype", None), "names", None)) is not None:
        columns = list(fields)
    else:
        raise TypeError(
            "a table is something that speaks the Arrow PyCapsule interface (pyarrow, polars, "
            "DuckDB, pandas), a dict of arrays or a structured array, "
            f"not {type(table).__name__}"
        )
    wanted = {*names, "protocol", "port", *(keep if isinstance(keep, Iterable) else ())}
    return [
        (name, convert(table[name]) if keep is True or name in wanted else None)
        for name in columns
    ]


def _series(series: Any) -> Any:
    """A column of a pandas frame."""
    try:
        import pyarrow
    except ImportError:
        return _column(series.to_numpy())
    try:
        array = pyarrow.Array.from_pandas(series)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):
        # Objects of several types: a matter of the rows, not of the column.
        return _column(series.to_numpy())
    return array.combine_chunks() if isinstance(array, pyarrow.ChunkedArray) else array


def _column(values: Any) -> Any:
    """An array, as something that is an Arrow array."""
    if hasattr(values, "__arrow_c_array__"):
        return values
    if hasattr(values, "__arrow_c_stream__"):
        import pyarrow

        return pyarrow.chunked_array(values).combine_chunks()
    if isinstance(values, list | tuple):
        return _objects(values)
    import numpy as np

    given = np.asarray(values)
    if given.ndim == 2 and given.dtype == np.uint8:
        return fixed_size_binary_array(np.ascontiguousarray(given).reshape(-1), given.shape[1])
    if given.ndim != 1:
        raise ValueError(f"a column has one dimension, not {given.ndim}")
    given = np.ascontiguousarray(given.astype(given.dtype.newbyteorder("="), copy=False))
    width = given.dtype.itemsize
    match given.dtype.kind:
        case "U":
            return fixed_width_text_array(_narrow(given), width // 4)
        case "S":
            return fixed_width_text_array(given.view(np.uint8), width)
        case "V":
            return fixed_size_binary_array(given.view(np.uint8), width)
        case "O":
            return _objects(given.tolist())
        case "i" | "u" | "f":
            return given
    raise TypeError(f"a column of {given.dtype} holds no addresses, protocols or ports")


def _objects(values: Sequence[Any]) -> Any:
    """Python objects: numbers, or whatever has an address, protocol or port as its text."""
    if all(type(value) is int for value in values):
        try:
            return array("q", values)
        except OverflowError:
            pass
    elif all(value is None or isinstance(value, Real) for value in values):
        # As pandas writes numbers beside nulls.
        return array("d", [math.nan if value is None else float(value) for value in values])
    return text_array([None if value is None else str(value) for value in values])


def _narrow(given: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The characters of an array of text, a byte each. What is no ASCII is no address."""
    import numpy as np

    points = given.view(np.uint32)
    return np.where(points < 0x80, points, 0x7F).astype(np.uint8)
