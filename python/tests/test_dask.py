"""The Dask example, on several processes."""

from __future__ import annotations

import importlib
from pathlib import Path

import dask
import dask.dataframe as dd
import netpolicy
import pyarrow.parquet as pq
import pytest


# Dask resets indices in place, which pandas is about to forbid.
@pytest.mark.filterwarnings("ignore:The inplace keyword:pandas.errors.Pandas4Warning")
def test_the_example_gives_the_local_answer(tmp_path: Path) -> None:
    sample_data = importlib.import_module("sample_data")
    example = importlib.import_module("denied_flows_dask")
    sample_data.write(tmp_path, rows=40_000, pods=400, files=4)
    image = netpolicy.Cluster.load(tmp_path / "manifests.json").compile()
    # Threads, so that the image is one; pickling it is tested elsewhere.
    with dask.config.set(scheduler="threads"):
        counted = example.denied_flows(dd.read_parquet(tmp_path / "flows"), image)
    table = pq.read_table(tmp_path / "flows")
    local = image.verdicts(table, source="srcaddr", destination="dstaddr", port="dstport")
    assert counted.sum() == local.denied_rows
    assert len(counted) > 10
