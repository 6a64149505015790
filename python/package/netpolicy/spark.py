"""Verdict columns for Spark.

>>> import netpolicy.spark                                            # doctest: +SKIP
>>> flows = spark.read.parquet("s3://logs/flows/2026-10")             # doctest: +SKIP
>>> judged = netpolicy.spark.verdicts(flows, image, reasons="denied", workloads=True)
...                                                                   # doctest: +SKIP
>>> (judged.where("not allowed")                                      # doctest: +SKIP
...     .groupBy("source_workload", "destination_workload", "policy").count().show())

The executors need this package as well. The image is broadcast: it goes to each executor
once, and each Python worker opens it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, Protocol

from netpolicy._native import Image

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

__all__ = ["verdicts"]


class _Shared(Protocol):
    """Where a Python worker finds the image."""

    @property
    def value(self) -> Image: ...


class _Enclosed:
    """An image that goes with the function, where there is no broadcast."""

    def __init__(self, image: Image) -> None:
        self.value = image


def verdicts(
    frame: DataFrame,
    image: Image,
    *,
    source: str = "source",
    destination: str = "destination",
    protocol: str | int = "protocol",
    port: str | int = "port",
    reasons: bool | Literal["denied", "all"] = False,
    workloads: bool = False,
) -> DataFrame:
    """The frame, with the columns of :meth:`netpolicy.Image.verdicts` behind its own.

    ``allowed`` is null in rows that ask nothing that can be answered; ``reasons`` and
    ``workloads`` add the columns that they add there, as strings.
    """
    from pyspark.sql.pandas.types import to_arrow_schema
    from pyspark.sql.types import BooleanType, StringType, StructField, StructType

    arguments: dict[str, Any] = {
        "source": source,
        "destination": destination,
        "protocol": protocol,
        "port": port,
        "reasons": reasons,
        "workloads": workloads,
    }
    # Of no rows, so that what is wrong with the columns is raised here, not on an executor.
    judged = image.verdicts(to_arrow_schema(frame.schema).empty_table(), keep=True, **arguments)
    fields = [
        StructField(name, BooleanType() if name == "allowed" else StringType())
        for name in judged.column_names[len(frame.columns) :]
    ]
    schema = StructType([*frame.schema.fields, *fields])
    return frame.mapInArrow(_judge(_share(frame, image), arguments), schema)


def _share(frame: DataFrame, image: Image) -> _Shared:
    context = getattr(frame.sparkSession, "sparkContext", None)
    # Spark Connect has no broadcast: the image goes with the function.
    return _Enclosed(image) if context is None else context.broadcast(image)


def _judge(
    shared: _Shared, arguments: dict[str, Any]
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What a Python worker does with the batches of a partition."""

    def judge(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        remaining = iter(batches)
        first = next(remaining, None)
        if first is None:
            return
        reader = pa.RecordBatchReader.from_batches(first.schema, chain([first], remaining))
        # Spark runs as many workers as it has cores for.
        for batch in shared.value.verdicts(reader, keep=True, threads=1, **arguments).to_pyarrow():
            yield _without_dictionaries(batch)

    return judge


def _without_dictionaries(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with plain strings: Spark knows no dictionaries."""
    import pyarrow as pa

    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
