"""The shared conformance vectors, every verdict of every folder: one at a time, and in
columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from paths import SHARED
from netpolicy import Cluster, Image

COUNTS = {
    "admin-network-policy": 313,
    "cluster-network-policy": 325,
    "cyclonus": 47_856,
    "kubernetes-e2e": 506,
}


@cache
def vectors(folder: str) -> list[tuple[Path, Image, list[Any]]]:
    found = []
    for path in sorted((SHARED / "vectors" / folder).glob("*.json")):
        vector = json.loads(path.read_text())
        cluster = Cluster.load(vector["manifests"])
        assert cluster.diagnostics == []
        found.append((path, cluster.compile(), vector["probes"]))
    return found


def test_no_folder_is_left_out() -> None:
    folders = [path.name for path in (SHARED / "vectors").iterdir() if path.is_dir()]
    assert sorted(folders) == sorted(COUNTS)


@pytest.mark.parametrize("folder", COUNTS)
def test_one_at_a_time(folder: str) -> None:
    asked = 0
    for path, image, probes in vectors(folder):
        for source, destination, protocol, port, expected in probes:
            verdict = image.verdict(source, destination, port=port, protocol=protocol)
            assert str(verdict) == expected, f"{path}: {verdict.reason.chain}"
            asked += 1
    assert asked == COUNTS[folder]


def addresses(image: Image) -> dict[str, list[str]]:
    """The addresses of each pod."""
    found: dict[str, list[str]] = {}
    for row in image.pods().to_pyarrow().to_pylist():
        found.setdefault(f"{row['namespace']}/{row['name']}", []).append(row["address"])
    return found


def connections(image: Image, probes: list[Any]) -> Iterator[tuple[Any, ...]]:
    """What probes stand for: each pair of addresses of one family."""
    of_pod = addresses(image)
    for source, destination, protocol, port, expected in probes:
        for one in of_pod.get(source, [source]):
            for other in of_pod.get(destination, [destination]):
                if ip_address(one).version == ip_address(other).version:
                    yield one, other, str(protocol), port, expected == "allow"


@pytest.mark.parametrize("folder", COUNTS)
@pytest.mark.parametrize("packed", [False, True], ids=["text", "binary"])
def test_in_columns(folder: str, packed: bool) -> None:
    asked = 0
    for path, image, probes in vectors(folder):
        source, destination, protocol, port, expected = zip(*connections(image, probes), strict=True)
        ends = {"source": source, "destination": destination}
        if packed:
            ends = {
                name: pa.array([ip_address(it).packed for it in column], pa.binary())
                for name, column in ends.items()
            }
        table = pa.table({**ends, "protocol": protocol, "port": pa.array(port, pa.uint16())})
        verdicts = image.verdicts(table, reasons=True)
        assert verdicts.bad_rows == 0
        assert verdicts.to_pyarrow()["allowed"].to_pylist() == list(expected), path
        asked += len(verdicts)
    assert asked >= COUNTS[folder]
