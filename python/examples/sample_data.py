"""A made-up cluster and its flow log, as large as you like.

    python sample_data.py FOLDER --rows 10000000

writes ``FOLDER/manifests.json`` and ``FOLDER/flows/*.parquet``. The same arguments give the
same data.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TIERS = ("frontend", "backend", "database", "cache", "batch")
PORTS = (80, 443, 5432, 6379, 8080, 9090)
POD_NETWORK = int(ipaddress.IPv4Address("10.64.0.0"))
BATCH = 1 << 18


def manifests(pods: int = 2000, namespaces: int = 40) -> list[dict[str, Any]]:
    """Namespaces, pods of five tiers in each, and policies between the tiers."""
    objects: list[dict[str, Any]] = []
    for number in range(namespaces):
        name = f"team-{number}"
        labels = {"stage": "prod" if number % 4 else "test"}
        objects.append(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        )
        objects.extend(_policies(name))
    objects.extend(_pod(number, f"team-{number % namespaces}") for number in range(pods))
    objects.append(_admin_policy())
    return objects


def _pod(number: int, namespace: str) -> dict[str, Any]:
    tier = TIERS[number // 7 % len(TIERS)]
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": tier, "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": namespace,
            "name": f"{tier}-{number}",
            "labels": {"tier": tier, "app": f"app-{number % 3}"},
            "ownerReferences": [{**owner, "uid": f"{namespace}-{tier}"}],
        },
        "spec": {"containers": [{"name": "main", "image": "main"}]},
        "status": {"phase": "Running", "podIP": str(ipaddress.IPv4Address(POD_NETWORK + number))},
    }


def _policies(namespace: str) -> Iterator[dict[str, Any]]:
    def policy(name: str, spec: dict[str, Any]) -> dict[str, Any]:
        metadata = {"name": name, "namespace": namespace}
        kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
        return {**kind, "metadata": metadata, "spec": spec}

    def tier(name: str) -> dict[str, Any]:
        return {"matchLabels": {"tier": name}}

    yield policy("default-deny", {"podSelector": {}, "policyTypes": ["Ingress"]})
    to_database = {"from": [{"podSelector": tier("backend")}], "ports": [{"port": 5432}]}
    yield policy("database", {"podSelector": tier("database"), "ingress": [to_database]})
    from_prod = {"namespaceSelector": {"matchLabels": {"stage": "prod"}}}
    to_backend = {"from": [{**from_prod, "podSelector": tier("frontend")}]}
    yield policy("backend", {"podSelector": tier("backend"), "ingress": [to_backend]})
    outside = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["198.51.100.0/24"]}}
    to_frontend = {"from": [outside], "ports": [{"port": 443}, {"port": 8000, "endPort": 8999}]}
    yield policy("frontend", {"podSelector": tier("frontend"), "ingress": [to_frontend]})


def _admin_policy() -> dict[str, Any]:
    prod = {"namespaceSelector": {"matchLabels": {"stage": "prod"}}, "podSelector": {}}
    test = {"namespaceSelector": {"matchLabels": {"stage": "test"}}, "podSelector": {}}
    rule = {"name": "no-test-in-prod", "action": "Deny", "from": [{"pods": test}]}
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": {"name": "stages"},
        "spec": {"priority": 10, "subject": {"pods": prod}, "ingress": [rule]},
    }


def flows(rows: int, pods: int = 2000, seed: int = 1) -> Iterator[pa.RecordBatch]:
    """Flow records: time, addresses as text, protocol by number, port, bytes.

    One row in a thousand has an address that is none, as logs have.
    """
    for start in range(0, rows, BATCH):
        yield _flow_batch(np.random.default_rng([seed, start]), min(BATCH, rows - start), pods)


def _flow_batch(random: np.random.Generator, rows: int, pods: int) -> pa.RecordBatch:
    # The last 256 "pods" are addresses outside of the cluster.
    names = [str(ipaddress.IPv4Address(POD_NETWORK + pod)) for pod in range(pods)]
    names += [f"198.51.{100 + number % 2}.{number}" for number in range(256)]
    addresses = pa.array([*names, "-"])

    def ends() -> pa.Array:
        # Few pods have most of the traffic.
        picks = (random.random(rows) ** 2 * len(names)).astype(np.int32)
        picks[random.random(rows) < 0.0005] = len(names)
        return addresses.take(pa.array(picks))

    udp = random.random(rows) < 0.1
    columns = {
        "time": 1_790_000_000 + np.sort(random.integers(0, 2_592_000, rows)),
        "srcaddr": ends(),
        "dstaddr": ends(),
        "protocol": np.where(udp, 17, 6).astype(np.int32),
        "dstport": np.array(PORTS, np.int32)[random.integers(0, len(PORTS), rows)],
        "bytes": random.integers(40, 1 << 20, rows),
    }
    return pa.RecordBatch.from_pydict(columns)


def write(folder: Path, rows: int, pods: int = 2000, files: int = 8) -> None:
    """Writes manifests and flows."""
    (folder / "flows").mkdir(parents=True, exist_ok=True)
    (folder / "manifests.json").write_text(json.dumps(manifests(pods), indent=1))
    for number in range(files):
        share = rows // files + (number < rows % files)
        batches = flows(share, pods, seed=number + 1)
        first = next(batches, None)
        if first is None:
            continue
        with pq.ParquetWriter(folder / "flows" / f"{number:03}.parquet", first.schema) as writer:
            writer.write_batch(first)
            for batch in batches:
                writer.write_batch(batch)


def main() -> None:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pods", type=int, default=2000)
    arguments = parser.parse_args()
    write(arguments.folder, arguments.rows, arguments.pods)


if __name__ == "__main__":
    main()
