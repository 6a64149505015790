"""What a type checker says of the package; it is checked, not run."""

from __future__ import annotations

from ipaddress import ip_address
from typing import assert_type

from netpolicy import Image, Pod, Verdict, Verdicts, VerdictStream


class Stream:
    """Rows that come once."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        raise NotImplementedError


class Table(Stream):
    """Rows that are there."""

    def __len__(self) -> int:
        return 0


def verdicts(image: Image, stream: Stream, table: Table) -> None:
    assert_type(image.verdicts(stream), VerdictStream)
    assert_type(image.verdicts(table), Verdicts)
    assert_type(image.verdicts({"source": [1], "destination": [2]}), Verdicts)
    assert_type(image.verdicts(image.verdicts(stream)), VerdictStream)
    # Not what no table is, whichever packages are installed.
    image.verdicts(3)  # type: ignore[call-overload]


def verdict(image: Image) -> None:
    assert_type(image.verdict(Pod("web"), ip_address("192.0.2.1"), port=80), Verdict)
    image.verdict("web/a", "web/b", port="80")  # type: ignore[arg-type]
