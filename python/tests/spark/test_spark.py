"""Verdict columns on real PySpark, over ten million flows."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import duckdb
import netpolicy
import netpolicy.spark
import pytest
from paths import EXAMPLES
from netpolicy import Image
from pyarrow.dataset import dataset
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

COLUMNS = {"source": "srcaddr", "destination": "dstaddr", "port": "dstport"}
GROUP = ["source_workload", "destination_workload", "dstport", "allowed", "policy"]


@pytest.fixture(scope="module")
def image(data: Path) -> Image:
    return netpolicy.Cluster.load(data / "manifests.json").compile()


def test_ten_million_flows_equal_the_local_ones(
    spark: SparkSession, data: Path, image: Image
) -> None:
    flows = spark.read.parquet(str(data / "flows"))
    judged = netpolicy.spark.verdicts(flows, image, **COLUMNS, reasons="denied", workloads=True)
    assert judged.columns == [
        *flows.columns,
        *("allowed", "direction", "tier", "reason", "policy", "rule"),
        *("source_workload", "destination_workload"),
    ]
    counted = judged.groupBy(*GROUP).agg(
        F.count("*").alias("flows"), F.sum("bytes").alias("bytes"), F.sum("time").alias("times")
    )
    cluster = {tuple(row) for row in counted.collect()}

    reader = dataset(data / "flows").scanner(batch_size=1 << 18).to_reader()
    local = image.verdicts(reader, **COLUMNS, reasons="denied", workloads=True, keep=True)
    stream = local.to_pyarrow()
    query = f"select {', '.join(GROUP)}, count(*), sum(bytes), sum(time) from stream group by all"
    assert cluster == set(duckdb.sql(query).fetchall())
    assert local.rows == 10_000_000
    assert 0 < local.bad_rows < local.denied_rows
    assert local.allowed_rows > 100_000


def test_several_worker_processes_have_one_image_each(
    spark: SparkSession, data: Path, image: Image
) -> None:
    """The image reaches each Python worker once, whatever the number of tasks."""
    flows = spark.read.parquet(str(data / "flows")).limit(100_000).repartition(8)
    judged = netpolicy.spark.verdicts(flows, image, **COLUMNS).drop("bytes")
    workers = judged.rdd.mapPartitions(lambda rows: [(os.getpid(), sum(1 for _ in rows))]).collect()
    assert len({pid for pid, _ in workers}) >= 2
    assert sum(rows for _, rows in workers) == 100_000


def test_what_is_wrong_is_told_at_once(spark: SparkSession, image: Image) -> None:
    frame = spark.createDataFrame([("10.64.0.1", 5)], "srcaddr string, dstport int")
    with pytest.raises(KeyError, match='no column "dstaddr": say with destination='):
        netpolicy.spark.verdicts(frame, image, **COLUMNS)
    with pytest.raises(TypeError, match='column "dstaddr" is'):
        wrong = frame.withColumn("dstaddr", F.current_date())
        netpolicy.spark.verdicts(wrong, image, **COLUMNS, protocol="TCP")


def test_bad_rows_and_empty_partitions(spark: SparkSession, image: Image) -> None:
    rows = [("10.64.0.1", "10.64.0.1"), ("nobody", "10.64.0.1"), (None, None)]
    frame = spark.createDataFrame(rows, "srcaddr string, dstaddr string").repartition(8)
    names = {"source": "srcaddr", "destination": "dstaddr"}
    judged = netpolicy.spark.verdicts(frame, image, **names, protocol="TCP", port=80, reasons=True)
    found = {row.srcaddr: (row.allowed, row.reason) for row in judged.collect()}
    assert found == {"10.64.0.1": (True, "samePod"), "nobody": (None, None), None: (None, None)}


def test_addresses_as_numbers(spark: SparkSession, image: Image) -> None:
    # Spark has no unsigned numbers; 192.0.2.1 is negative in 32 bits.
    rows = [(0xC0000201 - (1 << 32), 0x0A400001)]
    for kind, shift in (("int", 0), ("bigint", 1 << 32)):
        shifted = [(source + shift, destination) for source, destination in rows]
        frame = spark.createDataFrame(shifted, f"source {kind}, destination {kind}")
        judged = netpolicy.spark.verdicts(frame, image, protocol="TCP", port=443)
        expected = bool(image.verdict("192.0.2.1", "10.64.0.1", port=443))
        assert [row.allowed for row in judged.collect()] == [expected]


def test_the_example_runs_end_to_end(
    spark: SparkSession, data: Path
) -> None:
    example = importlib.import_module("denied_flows_spark")
    now = netpolicy.Cluster.load(data / "manifests.json").compile()
    proposed = EXAMPLES / "proposed.yaml"
    then = netpolicy.Cluster.load(data / "manifests.json", proposed).compile()
    flows = spark.read.parquet(str(data / "flows" / "000.parquet"))
    rows = example.denied_flows(flows, now, then).collect()
    assert rows
    counts = [row.flows for row in rows]
    assert counts == sorted(counts, reverse=True)
    assert {row.policy for row in rows} == {"NetworkPolicy team-1/frontend-egress"}
    assert {row.source for row in rows} == {"team-1/frontend"}
    # Each of them passes today, and would not.
    table = duckdb.sql(f"from '{data}/flows/000.parquet'").to_arrow_table()
    today = image_allows(now, table)
    tomorrow = image_allows(then, table)
    assert sum(counts) == sum(a is True and b is False for a, b in zip(today, tomorrow, strict=True))


def image_allows(image: Image, flows: object) -> list[bool | None]:
    column = image.verdicts(flows, **COLUMNS).to_pyarrow()["allowed"]
    allowed: list[bool | None] = column.to_pylist()
    return allowed
