"""Which of last month's flows would this policy have denied, by pair of workloads?

    python denied_flows_spark.py --manifests cluster/ --proposed policy.yaml --flows flows/

Flows are Parquet files with columns srcaddr, dstaddr, protocol and dstport, as VPC flow
logs have them; `sample_data.py` makes some.
"""

from __future__ import annotations

import argparse

import netpolicy
import netpolicy.spark
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F


def denied_flows(flows: DataFrame, now: netpolicy.Image, then: netpolicy.Image) -> DataFrame:
    """What passes today and would not, by pair of workloads, port and deciding policy."""
    today = netpolicy.spark.verdicts(
        flows, now, source="srcaddr", destination="dstaddr", port="dstport"
    ).withColumnRenamed("allowed", "today")
    judged = netpolicy.spark.verdicts(
        today,
        then,
        source="srcaddr",
        destination="dstaddr",
        port="dstport",
        reasons="denied",
        workloads=True,
    )
    outside = F.lit("(outside)")
    return (
        judged.where("today and not allowed")
        .groupBy(
            F.coalesce("source_workload", outside).alias("source"),
            F.coalesce("destination_workload", outside).alias("destination"),
            "protocol",
            "dstport",
            "policy",
        )
        .agg(F.count("*").alias("flows"))
        .orderBy(F.desc("flows"), "source", "destination", "dstport", "protocol")
    )


def main() -> None:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifests", required=True, help="the cluster as it is")
    parser.add_argument("--proposed", required=True, help="the policies that are proposed")
    parser.add_argument("--flows", required=True, help="a folder of Parquet files")
    parser.add_argument("--rows", type=int, default=20, help="how many rows to show")
    arguments = parser.parse_args()
    now = netpolicy.Cluster.load(arguments.manifests).compile()
    then = netpolicy.Cluster.load(arguments.manifests, arguments.proposed).compile()
    spark = SparkSession.builder.appName("denied-flows").getOrCreate()
    flows = spark.read.parquet(arguments.flows)
    denied_flows(flows, now, then).show(arguments.rows, truncate=False)
    spark.stop()


if __name__ == "__main__":
    main()
