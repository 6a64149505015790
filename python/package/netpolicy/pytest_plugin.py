"""The pytest plugin, which pytest finds by itself.

Say where the manifests are, in ``pyproject.toml``::

    [tool.pytest.ini_options]
    netpolicy_manifests = ["deploy/base", "deploy/policies/*.yaml"]

or with ``--netpolicy-manifests PATH``, and use the fixtures::

    from netpolicy.testing import assert_allowed, assert_denied

    def test_only_the_frontend_reaches_the_database(netpolicy_image):
        assert_allowed(netpolicy_image, "web/frontend", "db/postgres", port=5432)
        assert_denied(netpolicy_image, "web/batch", "db/postgres", port=5432)
"""

from __future__ import annotations

import pytest

from netpolicy import Cluster, Image


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and the setting."""
    group = parser.getgroup("netpolicy")
    group.addoption(
        "--netpolicy-manifests",
        action="append",
        metavar="PATH",
        help="manifests of the fixtures netpolicy_cluster and netpolicy_image: a file, folder or "
        "glob; may be repeated; instead of the setting",
    )
    parser.addini(
        "netpolicy_manifests",
        "manifests of the fixtures netpolicy_cluster and netpolicy_image: files, folders or globs, "
        "from the folder of the configuration on",
        type="linelist",
    )


@pytest.fixture(scope="session")
def netpolicy_cluster(pytestconfig: pytest.Config) -> Cluster:
    """The cluster of the manifests that the configuration names."""
    paths = pytestconfig.getoption("netpolicy_manifests")
    if not paths:
        base = pytestconfig.inipath.parent if pytestconfig.inipath else pytestconfig.rootpath
        paths = [str(base / path) for path in pytestconfig.getini("netpolicy_manifests")]
    if not paths:
        pytest.fail("no manifests: set netpolicy_manifests, or give --netpolicy-manifests")
    return Cluster.load(*paths)


@pytest.fixture(scope="session")
def netpolicy_image(netpolicy_cluster: Cluster) -> Image:
    """The image of :func:`netpolicy_cluster`."""
    return netpolicy_cluster.compile()
