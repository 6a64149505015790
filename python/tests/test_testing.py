"""Tests of policies, as people write them."""

from __future__ import annotations

import netpolicy
import pytest
from paths import ROOT
from netpolicy.testing import assert_allowed, assert_denied

QUESTION = ("203.0.113.7", "default/mysql")


def test_assertions_that_hold(wordpress: netpolicy.Cluster, image: netpolicy.Image) -> None:
    for given in (wordpress, image):
        assert_allowed(given, "default/wordpress", "default/mysql", port=3306)
        assert_denied(given, *QUESTION, port=3306)
        assert_denied(given, *QUESTION, port=53, protocol="UDP")


def test_assertions_that_fail(wordpress: netpolicy.Cluster) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_allowed(wordpress, *QUESTION, port=3306)
    message = str(caught.value)
    assert message.startswith("expected to be allowed:\ndeny 203.0.113.7 (external) -> ")
    assert "NetworkPolicy default/database" in message
    assert "policies.yaml:" in message
    with pytest.raises(AssertionError, match="expected to be denied:\nallow "):
        assert_denied(wordpress, "default/wordpress", "default/mysql", port=3306)


TEST_FILE = """
from netpolicy.testing import assert_allowed, assert_denied

def test_holds(netpolicy_image):
    assert_denied(netpolicy_image, "203.0.113.7", "default/mysql", port=3306)

def test_fails(netpolicy_cluster):
    assert_allowed(netpolicy_cluster, "203.0.113.7", "default/mysql", port=3306)

def test_plain(netpolicy_image):
    assert netpolicy_image.verdict("203.0.113.7", "default/mysql", port=3306)
"""


def test_plugin(pytester: pytest.Pytester) -> None:
    manifests = ROOT / "examples" / "wordpress"
    pytester.makepyprojecttoml(
        f'[tool.pytest.ini_options]\nnetpolicy_manifests = ["{manifests}/*.yaml"]\n'
    )
    pytester.makepyfile(TEST_FILE)
    result = pytester.runpytest_subprocess("-W", "error")
    result.assert_outcomes(passed=1, failed=2)
    # The explanation is the message, and the helper's own lines are left out.
    result.stdout.fnmatch_lines(["E * AssertionError: expected to be allowed:", "E *deny 203.0.113.7 *"])
    result.stdout.fnmatch_lines(["E *assert <Verdict deny 203.0.113.7 (external) -> *"])
    result.stdout.no_fnmatch_line("*__tracebackhide__*")


def test_plugin_with_an_option(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TEST_FILE)
    manifests = str(ROOT / "examples" / "wordpress")
    pytester.runpytest_subprocess("--netpolicy-manifests", manifests).assert_outcomes(
        passed=1, failed=2
    )


def test_plugin_without_manifests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TEST_FILE)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(["*no manifests: set netpolicy_manifests, or give*"])
