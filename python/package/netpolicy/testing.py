"""Assertions for tests of policies, whose failures say which policy decided and why.

>>> from netpolicy.testing import assert_allowed, assert_denied
>>> assert_allowed(cluster, "default/wordpress", "default/mysql", port=3306)
>>> assert_denied(cluster, "default/batch", "default/mysql", port=3306)

The ends are what :meth:`netpolicy.Image.verdict` takes: addresses, ``namespace/name`` of
pods or workloads, or pods that need not exist. The pytest plugin that comes with this
package reads the manifests once for all tests; see :mod:`netpolicy.pytest_plugin`.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from netpolicy._native import Cluster, Image, Pod, Verdict

#: What can be an end of a connection.
Endpoint: TypeAlias = str | IPv4Address | IPv6Address | Pod

__all__ = ["assert_allowed", "assert_denied"]


def assert_allowed(
    cluster: Cluster | Image,
    source: Endpoint,
    destination: Endpoint,
    *,
    port: int | None = None,
    protocol: str | int = "TCP",
) -> None:
    """Assert that a connection may pass; the failure's message is the explanation."""
    __tracebackhide__ = True
    verdict = _image(cluster).verdict(source, destination, port=port, protocol=protocol)
    if not verdict:
        raise AssertionError(_message("allowed", verdict))


def assert_denied(
    cluster: Cluster | Image,
    source: Endpoint,
    destination: Endpoint,
    *,
    port: int | None = None,
    protocol: str | int = "TCP",
) -> None:
    """Assert that a connection may not pass; the failure's message is the explanation."""
    __tracebackhide__ = True
    verdict = _image(cluster).verdict(source, destination, port=port, protocol=protocol)
    if verdict:
        raise AssertionError(_message("denied", verdict))


def _image(cluster: Cluster | Image) -> Image:
    return cluster.compile() if isinstance(cluster, Cluster) else cluster


def _message(expected: str, verdict: Verdict) -> str:
    chains = [explanation.chain for explanation in verdict.explanations]
    return "\n".join([f"expected to be {expected}:", *chains])
