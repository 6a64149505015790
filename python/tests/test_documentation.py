"""Every example in a docstring or in the README runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import netpolicy
import pytest
from paths import ROOT

FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


def documented() -> Iterator[tuple[str, str]]:
    """Names and docstrings of whatever is public."""
    modules = [netpolicy]
    for module in pkgutil.iter_modules(netpolicy.__path__, "netpolicy."):
        if module.name not in {"netpolicy.__main__", "netpolicy._native"}:
            modules.append(importlib.import_module(module.name))
    for module in modules:
        yield module.__name__, module.__doc__ or ""
        for name in getattr(module, "__all__", []):
            value = getattr(module, name)
            yield f"{module.__name__}.{name}", inspect.getdoc(value) or ""
            if inspect.isclass(value):
                for member, attribute in vars(value).items():
                    if not member.startswith("_"):
                        yield f"{name}.{member}", inspect.getdoc(attribute) or ""


def run(name: str, text: str, variables: dict[str, object]) -> doctest.TestResults:
    test = doctest.DocTestParser().get_doctest(text, variables, name, None, 0)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report: list[str] = []
    results = runner.run(test, out=report.append, clear_globs=False)
    assert results.failed == 0, "".join(report)
    return results


def test_examples_run(
    wordpress: netpolicy.Cluster, image: netpolicy.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    ran = 0
    for name, text in documented():
        variables = {"netpolicy": netpolicy, "cluster": wordpress, "image": image}
        ran += run(name, text, variables).attempted
    assert ran > 20


def test_whatever_is_public_is_documented() -> None:
    without = [name for name, text in documented() if not text.strip()]
    assert without == []


def test_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    blocks = (ROOT / "python" / "README.md").read_text().split("```pycon\n")[1:]
    text = "\n".join(block.split("```")[0] for block in blocks)
    assert run("README.md", text, {}).attempted > 10
