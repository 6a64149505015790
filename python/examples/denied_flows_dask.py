"""The same question as `denied_flows_spark.py`, with Dask.

    python denied_flows_dask.py --manifests cluster/ --flows flows/

The image goes to each worker once, with the graph; each partition is judged by itself.
"""

from __future__ import annotations

import argparse

import dask.dataframe as dd
import netpolicy
import pandas as pd


def judge(flows: pd.DataFrame, image: netpolicy.Image) -> pd.DataFrame:
    """The denied flows of a partition, with who and why."""
    verdicts = image.verdicts(
        flows,
        source="srcaddr",
        destination="dstaddr",
        port="dstport",
        reasons="denied",
        workloads=True,
        threads=1,
    )
    judged = verdicts.to_pandas()
    denied = judged[judged["allowed"].eq(False)]
    columns = ["source_workload", "destination_workload", "policy"]
    return denied[columns].astype("string").fillna("(none)")


def denied_flows(flows: dd.DataFrame, image: netpolicy.Image) -> pd.Series:
    """How many flows are denied, by pair of workloads and policy."""
    shape = judge(flows.head(0, npartitions=-1), image)
    return flows.map_partitions(judge, image, meta=shape).groupby(list(shape.columns)).size().compute()


def main() -> None:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifests", required=True)
    parser.add_argument("--flows", required=True, help="a folder of Parquet files")
    arguments = parser.parse_args()
    image = netpolicy.Cluster.load(arguments.manifests).compile()
    flows = dd.read_parquet(arguments.flows)
    print(denied_flows(flows, image).sort_values(ascending=False).head(20))


if __name__ == "__main__":
    main()
