"""What the tests share."""

from __future__ import annotations

import netpolicy
import pytest
from paths import ROOT

pytest_plugins = ["pytester"]


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
