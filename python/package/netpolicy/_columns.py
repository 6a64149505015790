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
from ipaddress import ip_address
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
    column: Callable[[int, Any], Any] = lambda _, name: table[name]  # noqa: E731
    if pandas is not None and isinstance(table, pandas.DataFrame):
        # By place: a frame may have a name twice.
        columns, column = list(table.columns), lambda place, _: table.iloc[:, place]
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
        # Names that are no text, as pandas has them, are known by their text.
        (str(name), _column(column(place, name)) if keep is True or str(name) in wanted else None)
        for place, name in enumerate(columns)
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
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(values, pandas.Series):
        return _series(values)
    if hasattr(values, "__arrow_c_array__"):
        return values
    if hasattr(values, "__arrow_c_stream__"):
        import pyarrow

        return pyarrow.chunked_array(values).combine_chunks()
    if isinstance(values, list | tuple):
        return _objects(values)
    import numpy as np

    if isinstance(values, np.ma.MaskedArray):
        # What is masked is null, whatever lies there.
        return _objects(values.tolist())
    given = np.asarray(values)
    if given.dtype.kind == "T":
        return _objects(given.tolist())
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
        case "f" if width not in (4, 8):
            return given.astype(np.float64)
        case "i" | "u" | "f":
            return given
    raise TypeError(f"a column of {given.dtype} holds no addresses, protocols or ports")


def _objects(values: Sequence[Any]) -> Any:
    """Python objects: numbers, or whatever has an address, protocol or port as its text."""
    if values and all(type(value) is int for value in values):
        try:
            return array("q", values)
        except OverflowError:
            pass
    elif values and all(value is None or _is_number(value) for value in values):
        # As pandas writes numbers beside nulls.
        return array("d", [math.nan if value is None else float(value) for value in values])
    return text_array([_text(value) for value in values])


def _is_number(value: Any) -> bool:
    # True and False are numbers to Python.
    return isinstance(value, Real) and not isinstance(value, bool)


def _text(value: Any) -> str | None:
    """A value's text; 4 or 16 bytes are an address."""
    if isinstance(value, bytes | bytearray):
        return str(ip_address(bytes(value))) if len(value) in (4, 16) else None
    return None if value is None else str(value)


def _narrow(given: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The characters of an array of text, a byte each. What is no ASCII is no address."""
    import numpy as np

    points = given.view(np.uint32)
    return np.where(points < 0x80, points, 0x7F).astype(np.uint8)
