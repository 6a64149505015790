"""The command that comes with the wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import netpolicy
import pytest
from paths import ROOT

SCRIPT = Path(sysconfig.get_path("scripts")) / "netpolicy"
QUESTION = ["--from", "default/batch", "--to", "default/mysql", "--port", "3306"]


def run(*arguments: str, program: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [*(program or [str(SCRIPT)]), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_verdict() -> None:
    done = run("verdict", "-f", "examples/wordpress", *QUESTION)
    assert done.returncode == 1
    assert done.stdout.startswith("deny default/batch")
    assert done.stderr == ""


def test_exit_statuses() -> None:
    assert run("check", "-f", "examples/wordpress").returncode == 0
    assert run("verdict", "-f", "no/such", *QUESTION).returncode == 2
    assert run("no-such-command").returncode == 2
    assert run("--version").stdout == f"netpolicy {netpolicy.__version__}\n"


def test_it_is_the_rust_command() -> None:
    """Every way of asking gives what the binary gives, byte by byte."""
    binary = os.environ.get("NETPOLICY_BINARY")
    if binary is None:
        pytest.fail("NETPOLICY_BINARY names no binary: run `cargo xtask test python`")
    requests = [
        ["--help"],
        ["verdict", "--help"],
        ["verdict", "-f", "examples/wordpress", *QUESTION, "--explain"],
        ["verdict", "-f", "examples/wordpress", *QUESTION, "-o", "json"],
        ["check", "-f", "examples/wordpress", "-o", "json"],
        ["verdict", *QUESTION],
    ]
    for request in requests:
        ours = run(*request)
        module = run(*request, program=[sys.executable, "-m", "netpolicy"])
        theirs = run(*request, program=[binary])
        for done in (ours, module):
            assert done.returncode == theirs.returncode, request
            assert done.stdout == theirs.stdout, request
            assert done.stderr == theirs.stderr, request


def test_images_go_both_ways(tmp_path: Path) -> None:
    path = tmp_path / "cluster.npi"
    assert run("compile", "-f", "examples/wordpress", "--out", str(path)).returncode == 0
    image = netpolicy.Image.load(path)
    assert not image.verdict("default/batch", "default/mysql", port=3306)
    image.save(tmp_path / "again.npi")
    assert (tmp_path / "again.npi").read_bytes() == path.read_bytes()
    assert run("verdict", "--image", str(path), *QUESTION).returncode == 1
