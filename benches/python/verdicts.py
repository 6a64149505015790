"""Rows per second of `Image.verdicts` beside other ways to the same answers.

Prints a JSON object a line: name, value, unit, rival, rival_value, ratio. Every contestant
gives a verdict for every row that it is asked about, and they have to agree.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import netpolicy
import numpy as np
import pandas as pd
import pyarrow as pa

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "python" / "examples"))

import plain_evaluator  # noqa: E402, I001
import sample_data  # noqa: E402

PODS = 2000
ROUNDS = 3
COLUMNS = {"source": "srcaddr", "destination": "dstaddr", "port": "dstport"}
#: So many rows for who is too slow for all.
FEW = 20_000


def fastest(work: Callable[[], Any], rounds: int = ROUNDS) -> tuple[float, Any]:
    """The seconds of the fastest round, and what came out."""
    best, result = float("inf"), None
    for _ in range(rounds):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def report(name: str, value: float, unit: str, rival: str, rival_value: float) -> None:
    """Writes a line."""
    numbers = {"value": round(value), "unit": unit, "rival": rival}
    ratio = {"rival_value": round(rival_value), "ratio": round(value / rival_value, 3)}
    print(json.dumps({"name": name, **numbers, **ratio}), flush=True)


def integers(flows: pa.Table) -> dict[str, np.ndarray[Any, Any]]:
    """The flows with addresses as numbers; those whose addresses are none are left out."""
    ends = [flows["srcaddr"].to_pylist(), flows["dstaddr"].to_pylist()]
    known = {text: int(ipaddress.IPv4Address(text)) for text in {*ends[0], *ends[1]} - {"-"}}
    good = np.array([a != "-" and b != "-" for a, b in zip(*ends, strict=True)])
    numbers = [np.array([known.get(text, 0) for text in end], np.uint32)[good] for end in ends]
    return {
        "srcaddr": numbers[0],
        "dstaddr": numbers[1],
        "protocol": flows["protocol"].to_numpy()[good].astype(np.uint8),
        "dstport": flows["dstport"].to_numpy()[good].astype(np.uint16),
    }


def rust(program: Path, image: netpolicy.Image, columns: dict[str, Any]) -> tuple[float, int]:
    """The seconds of the Rust batch call, and how many flows it allows."""
    kinds = [("s", "<u4"), ("d", "<u4"), ("port", "<u2"), ("protocol", "u1"), ("pad", "u1")]
    flows = np.zeros(len(columns["srcaddr"]), kinds)
    flows["s"], flows["d"] = columns["srcaddr"], columns["dstaddr"]
    flows["port"], flows["protocol"] = columns["dstport"], columns["protocol"]
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / name) for name in ("image", "flows")]
        image.save(paths[0])
        flows.tofile(paths[1])
        command = [str(program), *paths, str(ROUNDS)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, allowed = output.split()
    return float(seconds), int(allowed)


def expanded(image: netpolicy.Image) -> pa.Table:
    """The reachability table by pairs of pods' addresses, as a join needs it."""
    rows = image.reachability().to_pyarrow()
    pods = image.pods().to_pyarrow()
    query = """
        with pod as (select namespace || '/' || coalesce(workload, name) as workload, address from pods),
        allowed as (
            select source, destination, case protocol when 'TCP' then 6 when 'UDP' then 17 end as protocol,
                unnest(port_ranges) as range
            from rows where source_kind in ('StatefulSet') and destination_kind in ('StatefulSet')
                and protocol in ('TCP', 'UDP')
        )
        select distinct s.address as srcaddr, d.address as dstaddr, protocol, range.first as first, range.last as last
        from allowed join pod s on s.workload = source join pod d on d.workload = destination
    """
    return duckdb.sql(query).to_arrow_table()


def with_duckdb(table: pa.Table, flows: pa.Table) -> int:
    """How many flows between pods a join allows."""
    query = """
        select count(*) from flows where srcaddr = dstaddr or exists (
            select 1 from "table" t where t.srcaddr = flows.srcaddr and t.dstaddr = flows.dstaddr
            and t.protocol = flows.protocol and flows.dstport between t.first and t.last)
    """
    [(count,)] = duckdb.sql(query).fetchall()
    return int(count)


def with_pandas(table: pd.DataFrame, flows: pd.DataFrame) -> int:
    """The same with pandas."""
    flows = flows.reset_index(names="row")
    joined = flows.merge(table, on=["srcaddr", "dstaddr", "protocol"])
    inside = joined["dstport"].between(joined["first"], joined["last"])
    same = flows.loc[flows["srcaddr"] == flows["dstaddr"], "row"]
    return len(pd.Index(joined.loc[inside, "row"]).union(pd.Index(same)).unique())


def main() -> None:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rust", type=Path, required=True, help="the program of this folder")
    arguments = parser.parse_args()
    manifests = sample_data.manifests(PODS)
    image = netpolicy.Cluster.load(manifests).compile()
    flows = pa.Table.from_batches(sample_data.flows(arguments.rows, PODS)).combine_chunks()
    unit = "rows/s"

    columns = integers(flows)
    rows = len(columns["srcaddr"])
    rust_seconds, rust_allowed = rust(arguments.rust, image, columns)
    seconds, judged = fastest(lambda: image.verdicts(columns, **COLUMNS, threads=1))
    assert judged.allowed_rows == rust_allowed, (judged, rust_allowed)
    one_thread = rows / seconds
    report("integers, 1 thread", one_thread, unit, "Rust batch, 1 thread", rows / rust_seconds)

    text_seconds, text = fastest(lambda: image.verdicts(flows, **COLUMNS, threads=2))
    assert text.allowed_rows == rust_allowed
    assert text.bad_rows == len(flows) - rows
    report("text, 2 threads", len(flows) / text_seconds, unit, "50 million a minute", 50e6 / 60)
    seconds, reasons = fastest(
        lambda: image.verdicts(flows, **COLUMNS, threads=2, reasons="denied", workloads=True), 1
    )
    assert reasons.allowed_rows == rust_allowed
    report("text, reasons, 2 threads", len(flows) / seconds, unit, "without reasons", len(flows) / text_seconds)

    few = flows.slice(0, FEW).to_pylist()
    evaluator = plain_evaluator.Evaluator(manifests)
    seconds, plain = fastest(lambda: [evaluator.verdict(flow) for flow in few], 1)
    assert plain == image.verdicts(flows.slice(0, FEW), **COLUMNS).to_pyarrow()["allowed"].to_pylist()
    report("text, 2 threads", len(flows) / text_seconds, unit, "Python loop", FEW / seconds)

    # Tables are of pods: flows from outside are left out for who joins them.
    names = pa.table({"name": image.pods().to_pyarrow()["address"]})
    between = duckdb.sql("from flows semi join names on srcaddr = name")
    between = duckdb.sql("from between semi join names on dstaddr = name").to_arrow_table()
    pairs = expanded(image)
    seconds, judged = fastest(lambda: image.verdicts(between, **COLUMNS, threads=2))
    ours = len(between) / seconds
    seconds, joined = fastest(lambda: with_duckdb(pairs, between), 1)
    assert joined == judged.allowed_rows, (joined, judged)
    report("between pods, 2 threads", ours, unit, "DuckDB join", len(between) / seconds)
    part, table = between.slice(0, 1_000_000).to_pandas(), pairs.to_pandas()
    seconds, joined = fastest(lambda: with_pandas(table, part), 1)
    assert joined == image.verdicts(between.slice(0, 1_000_000), **COLUMNS).allowed_rows
    report("between pods, 2 threads", ours, unit, "pandas join", len(part) / seconds)


if __name__ == "__main__":
    main()
