"""What the tests share."""

from __future__ import annotations

import sys
from pathlib import Path

import netpolicy
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "python" / "examples"
SHARED = ROOT.parent / "shared"

pytest_plugins = ["pytester"]
sys.path.insert(0, str(EXAMPLES))


@pytest.fixture(scope="session")
def wordpress() -> netpolicy.Cluster:
    """The cluster of the README."""
    return netpolicy.Cluster.load(ROOT / "examples" / "wordpress")


@pytest.fixture(scope="session")
def image(wordpress: netpolicy.Cluster) -> netpolicy.Image:
    """Its image."""
    return wordpress.compile()


@pytest.fixture(scope="session")
def sample() -> netpolicy.Cluster:
    """A cluster of 400 pods."""
    from sample_data import manifests

    return netpolicy.Cluster.load(manifests(pods=400, namespaces=8))
