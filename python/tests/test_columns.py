"""Verdicts for tables and streams."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from netpolicy import Image, Verdicts, VerdictStream

ROWS = [
    # source, destination, protocol, port, allowed
    ("10.244.1.10", "10.244.1.11", "TCP", 3306, True),
    ("10.244.1.12", "10.244.1.11", "TCP", 3306, False),
    ("10.244.1.10", "10.244.1.11", "UDP", 3306, False),
    ("203.0.113.7", "10.244.1.10", "TCP", 443, True),
    ("203.0.113.7", "10.244.1.10", "TCP", 444, False),
    ("203.0.113.7", "203.0.113.8", "ICMP", None, True),
    (None, "10.244.1.10", "TCP", 443, None),
    ("203.0.113.7", "10.244.1.10", "TCP", None, None),
    ("203.0.113.7", "10.244.1.10", None, 443, None),
]
EXPECTED = [row[4] for row in ROWS]
NUMBERS = {"TCP": 6, "UDP": 17, "ICMP": 1, None: None}


def table() -> pa.Table:
    source, destination, protocol, port, _ = zip(*ROWS, strict=True)
    return pa.table(
        {
            "source": pa.array(source, pa.string()),
            "destination": pa.array(destination, pa.string()),
            "protocol": pa.array(protocol, pa.string()),
            "port": pa.array(port, pa.int32()),
        }
    )


def allowed(verdicts: Verdicts) -> list[bool | None]:
    column: list[bool | None] = verdicts.to_pyarrow()["allowed"].to_pylist()
    return column


def number(address: str | None) -> int | None:
    return None if address is None else int(ipaddress.IPv4Address(address))


def packed(address: str | None) -> bytes | None:
    return None if address is None else ipaddress.IPv4Address(address).packed


def mapped(address: str | None) -> bytes | None:
    return None if address is None else b"\0" * 10 + b"\xff\xff" + ipaddress.IPv4Address(address).packed


def signed(address: str | None) -> int | None:
    value = number(address)
    return value if value is None or value < 1 << 31 else value - (1 << 32)


ADDRESSES: list[tuple[str, Any, Any]] = [
    ("string", lambda text: text, pa.string()),
    ("large_string", lambda text: text, pa.large_string()),
    ("string_view", lambda text: text, pa.string_view()),
    ("dictionary", lambda text: text, pa.dictionary(pa.int8(), pa.string())),
    ("dictionary_view", lambda text: text, pa.dictionary(pa.uint32(), pa.large_string())),
    ("uint32", number, pa.uint32()),
    ("uint64", number, pa.uint64()),
    ("int64", number, pa.int64()),
    ("int32", signed, pa.int32()),
    ("float64", number, pa.float64()),
    ("dictionary_numbers", number, pa.dictionary(pa.int16(), pa.uint32())),
    ("four_bytes", packed, pa.binary(4)),
    ("sixteen_bytes", mapped, pa.binary(16)),
    ("binary", packed, pa.binary()),
    ("large_binary", mapped, pa.large_binary()),
    ("binary_view", packed, pa.binary_view()),
]


@pytest.mark.parametrize(("_name", "convert", "kind"), ADDRESSES, ids=[it[0] for it in ADDRESSES])
def test_types_of_addresses(image: Image, _name: str, convert: Any, kind: pa.DataType) -> None:
    given = table()
    for index, name in ((0, "source"), (1, "destination")):
        values = pa.array([convert(text) for text in given[name].to_pylist()], kind)
        given = given.set_column(index, name, values)
    verdicts = image.verdicts(given)
    assert allowed(verdicts) == EXPECTED
    assert verdicts.bad_rows == 3
    # A part of a larger array begins within its buffers.
    assert allowed(image.verdicts(given.slice(2, 6))) == EXPECTED[2:8]


INTEGERS = [pa.int16(), pa.int32(), pa.int64(), pa.uint16(), pa.uint64(), pa.float32(), pa.float64()]


@pytest.mark.parametrize("kind", INTEGERS, ids=str)
def test_types_of_ports_and_protocols(image: Image, kind: pa.DataType) -> None:
    given = table()
    given = given.set_column(3, "port", given["port"].cast(kind))
    protocols = [NUMBERS[name] for name in given["protocol"].to_pylist()]
    given = given.set_column(2, "protocol", pa.array(protocols, kind))
    assert allowed(image.verdicts(given)) == EXPECTED
    texts = given["port"].cast(pa.int32()).cast(pa.string()).dictionary_encode()
    assert allowed(image.verdicts(given.set_column(3, "port", texts))) == EXPECTED


def test_tables_of_every_library(image: Image) -> None:
    given = table()
    frame = given.to_pandas()
    connection = duckdb.connect()
    tables: dict[str, Any] = {
        "pyarrow table": given,
        "pyarrow batch": given.combine_chunks().to_batches()[0],
        "polars": pl.from_arrow(given),
        "polars categorical": pl.DataFrame(given).with_columns(pl.col("source").cast(pl.Categorical)),
        "pandas": frame,
        "pandas category": frame.astype({"source": "category", "protocol": "category"}),
        "pandas objects": frame.astype(object),
        "pandas arrow": given.to_pandas(types_mapper=pd.ArrowDtype),
        "duckdb": connection.sql("select * from given"),
        "numpy": {name: np.array(frame[name].astype(object)) for name in frame},
        "lists": given.to_pydict(),
        "verdicts, kept": image.verdicts(given, keep=True),
    }
    for name, it in tables.items():
        arguments = {"keep": False}
        verdicts = image.verdicts(it, **arguments)
        assert isinstance(verdicts, Verdicts), name
        assert allowed(verdicts) == EXPECTED, name


def test_numpy_arrays(image: Image) -> None:
    # Of NumPy's own types none has nulls.
    rows = [row for row in ROWS if row[4] is not None and row[3] is not None]
    source, destination, protocol, port, expected = zip(*rows, strict=True)
    numbers = [NUMBERS[name] for name in protocol]
    as_text = {"source": np.array(source), "destination": np.array(destination)}
    as_bytes = {name: column.astype("S") for name, column in as_text.items()}
    as_numbers = {
        "source": np.array([number(it) for it in source], np.uint32),
        "destination": np.array([number(it) for it in destination], np.int64),
    }
    as_void = {
        "source": np.array([packed(it) for it in source], "V4"),
        "destination": np.array([mapped(it) for it in destination], "V16"),
    }
    matrix = {name: column.view(np.uint8).reshape(len(rows), -1) for name, column in as_void.items()}
    big_endian = {name: column.astype(column.dtype.newbyteorder(">")) for name, column in as_numbers.items()}
    for ends in (as_text, as_bytes, as_numbers, as_void, matrix, big_endian):
        for protocols in (np.array(protocol), np.array(numbers, np.uint8)):
            columns = {**ends, "protocol": protocols, "port": np.array(port, ">u2")}
            assert allowed(image.verdicts(columns)) == list(expected)
    structured = np.zeros(len(rows), [("source", "U15"), ("destination", "U15"), ("port", "i4")])
    structured["source"], structured["destination"], structured["port"] = source, destination, port
    of_tcp = [int(bool(image.verdict(a, b, port=c))) for a, b, c in zip(source, destination, port, strict=True)]
    assert image.verdicts(structured, protocol=6).to_numpy().tolist() == of_tcp
    strided = {name: np.repeat(column, 2)[::2] for name, column in as_numbers.items()}
    assert allowed(image.verdicts(strided, protocol="TCP", port=3306)) == allowed(
        image.verdicts(as_numbers, protocol="TCP", port=3306)
    )


def test_bad_rows_are_null_and_counted(image: Image) -> None:
    sources = ["10.244.1.10", "10.244.1.256", "", "10.244.1", "nobody", " 10.244.1.10", "1.2.3.4/32", "é"]
    good = {"destination": ["10.244.1.11"] * len(sources), "port": [3306] * len(sources)}
    verdicts = image.verdicts({"source": sources, **good}, protocol="TCP")
    assert allowed(verdicts) == [True] + [None] * 7
    assert (len(verdicts), verdicts.allowed_rows, verdicts.denied_rows, verdicts.bad_rows) == (8, 1, 0, 7)
    assert repr(verdicts) == "<Verdicts 8 rows: 1 allowed, 0 denied, 7 bad>"
    as_unicode = {"source": np.array(sources), **good}
    assert allowed(image.verdicts(as_unicode, protocol="TCP")) == [True] + [None] * 7
    ports = pa.table({"source": ["10.244.1.10"] * 4, "destination": ["10.244.1.11"] * 4, "port": [3306, -1, 65536, 1 << 40]})
    assert allowed(image.verdicts(ports, protocol="TCP")) == [True, None, None, None]
    numbers = {"source": [number("10.244.1.10"), -1, 1 << 32], "destination": [number("10.244.1.11")] * 3}
    assert allowed(image.verdicts(numbers, protocol="TCP", port=3306)) == [True, None, None]
    assert image.verdicts(numbers, protocol="TCP", port=3306).to_numpy().tolist() == [1, -1, -1]
    floats = pd.DataFrame({"source": ["10.244.1.10"] * 3, "destination": "10.244.1.11", "port": [3306, np.nan, 0.5]})
    assert allowed(image.verdicts(floats, protocol="TCP")) == [True, None, None]


def test_mixed_objects_cost_only_their_rows(image: Image) -> None:
    frame = pd.DataFrame(
        {
            "source": pd.Series(["10.244.1.10", 7, None, object()], dtype=object),
            "destination": "10.244.1.11",
            "unrelated": pd.Series([{1}, 2, "3", None], dtype=object),
        }
    )
    assert allowed(image.verdicts(frame, protocol="TCP", port=3306)) == [True, None, None, None]


def test_ipv6(image: Image) -> None:
    sources = ["fd00:244:1::10", "fd00:244:1::12", "2001:db8::1"]
    text = {"source": sources, "destination": ["fd00:244:1::11"] * 3}
    packed = {
        name: pa.array([ipaddress.ip_address(it).packed for it in column], pa.binary(16))
        for name, column in text.items()
    }
    for columns in (text, packed):
        assert allowed(image.verdicts(columns, protocol="TCP", port=3306)) == [True, False, False]


def test_ends_of_two_families_ask_nothing(image: Image) -> None:
    ends = {
        "source": ["10.244.1.10", "fd00:244:1::10", "::ffff:10.244.1.10", "::ffff:10.244.1.10"],
        "destination": ["fd00:244:1::11", "10.244.1.11", "fd00:244:1::11", "10.244.1.11"],
    }
    found = allowed(image.verdicts(ends, protocol="TCP", port=3306))
    assert found == [None, None, None, True]


def test_names_of_columns(image: Image) -> None:
    flows = table().rename_columns(["srcaddr", "dstaddr", "proto", "dstport"])
    verdicts = image.verdicts(flows, source="srcaddr", destination="dstaddr", protocol="proto", port="dstport")
    assert allowed(verdicts) == EXPECTED
    with pytest.raises(KeyError, match='no column "source": say with source= which it is; there are srcaddr, dstaddr, proto'):
        image.verdicts(flows)
    with pytest.raises(KeyError, match="there are srcaddr, dstaddr"):
        image.verdicts(flows.to_pandas())
    with pytest.raises(KeyError, match='no column "TPC"'):
        image.verdicts(table(), protocol="TPC")


def test_types_that_mean_nothing(image: Image) -> None:
    wrong = table().set_column(0, "source", pa.array([True] * len(ROWS)))
    with pytest.raises(TypeError, match='column "source" is Boolean: addresses are text'):
        image.verdicts(wrong)
    with pytest.raises(TypeError, match='column "port" is Date'):
        image.verdicts(table().set_column(3, "port", pa.array([None] * len(ROWS), pa.date32())))
    with pytest.raises(TypeError, match="a table is something that speaks the Arrow PyCapsule"):
        image.verdicts([1, 2])
    with pytest.raises(ValueError, match="different numbers of rows"):
        image.verdicts({"source": ["a"], "destination": ["a", "b"]}, protocol="TCP", port=1)
    with pytest.raises(ValueError, match="at least one is needed"):
        image.verdicts(table(), threads=0)


def test_no_rows(image: Image) -> None:
    verdicts = image.verdicts(table().slice(0, 0), reasons=True, workloads=True)
    assert len(verdicts) == 0
    assert verdicts.column_names[0] == "allowed"
    assert verdicts.to_pyarrow().num_rows == 0


def test_reasons(image: Image) -> None:
    rows = image.verdicts(table(), reasons=True).to_pyarrow().to_pylist()
    assert rows[1] == {
        "allowed": False,
        "direction": "egress",
        "tier": "NetworkPolicy",
        "reason": "isolated",
        "policy": "NetworkPolicy default/default-deny, NetworkPolicy default/dns",
        "rule": None,
    }
    assert rows[3] == {
        "allowed": True,
        "direction": "ingress",
        "tier": "NetworkPolicy",
        "reason": "rule",
        "policy": "NetworkPolicy default/frontend",
        "rule": "ingress[1]",
    }
    assert rows[6] == dict.fromkeys(rows[6])
    denied = image.verdicts(table(), reasons="denied").to_pyarrow().to_pylist()
    assert denied[1] == rows[1]
    assert denied[3] == {**dict.fromkeys(rows[3]), "allowed": True}


def test_reasons_are_those_of_explanations(sample: Any) -> None:
    from sample_data import flows

    image = sample.compile()
    names = {"source": "srcaddr", "destination": "dstaddr", "port": "dstport"}
    batch = next(flows(3000, pods=400))
    rows = image.verdicts(batch, **names, reasons=True, keep=True).to_pyarrow().to_pylist()
    seen = set()
    for row in rows:
        if row["allowed"] is None:
            continue
        asked = image.explain(row["srcaddr"], row["dstaddr"], port=row["dstport"], protocol=row["protocol"])
        side = asked.egress if row["direction"] == "egress" else asked.ingress
        assert row["allowed"] == asked.allowed
        assert (row["tier"], row["reason"]) == (side.tier, side.reason)
        if side.rule is not None:
            assert row["policy"] == str(side.rule.policy)
            assert row["rule"] == f"{side.rule.direction}[{side.rule.index}]"
        seen.add((row["tier"], row["reason"]))
    assert len(seen) >= 4


def test_workloads(sample: Any) -> None:
    columns = {"source": ["10.64.0.1", "192.0.2.1", None], "destination": ["10.64.0.15", "10.64.0.2", "10.64.0.2"]}
    rows = sample.compile().verdicts(columns, protocol="TCP", port=80, workloads=True).to_pyarrow().to_pylist()
    assert [row["source_workload"] for row in rows] == ["team-1/frontend", None, None]
    assert rows[0]["destination_workload"] == "team-7/database"
    assert rows[2]["destination_workload"] is None


def test_keep(image: Image) -> None:
    given = table()
    assert image.verdicts(given, keep=True).column_names == [*given.column_names, "allowed"]
    kept = image.verdicts(given, keep=["port"])
    assert kept.to_pyarrow()["port"].equals(given["port"])
    with pytest.raises(KeyError, match='keep: there is no column "bytes"'):
        image.verdicts(given, keep=["bytes"])
    with pytest.raises(ValueError, match='has a column "allowed" already'):
        image.verdicts(given.append_column("allowed", given["port"]), keep=True)


def many(rows: int) -> pa.Table:
    return pa.concat_tables([table()] * (rows // len(ROWS) + 1)).slice(0, rows).combine_chunks()


def test_many_rows_on_any_number_of_threads(image: Image) -> None:
    given = many(200_001)
    expected = (EXPECTED * (len(given) // len(ROWS) + 1))[: len(given)]
    first = image.verdicts(given, threads=1, reasons=True)
    assert allowed(first) == expected
    for threads in (None, 2, 7):
        verdicts = image.verdicts(given, threads=threads, reasons=True)
        assert without_dictionaries(verdicts).equals(without_dictionaries(first))


def without_dictionaries(verdicts: Verdicts) -> pa.Table:
    """The table with plain text: threads meet the words of a dictionary in any order."""
    table = verdicts.to_pyarrow()
    text = [pa.string() if pa.types.is_dictionary(it.type) else it.type for it in table.schema]
    return table.cast(pa.schema(zip(table.column_names, text, strict=True))).combine_chunks()


def test_chunks_are_kept(image: Image) -> None:
    given = pa.concat_tables([table().slice(0, 3), table().slice(3, 0), table().slice(3)])
    judged = image.verdicts(given, keep=True).to_pyarrow()
    assert judged.num_rows == len(ROWS)
    assert judged["allowed"].to_pylist() == EXPECTED


def test_streams(image: Image) -> None:
    read = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal read
        for _ in range(50):
            read += 1
            yield from table().to_batches()

    reader = pa.RecordBatchReader.from_batches(table().schema, batches())
    stream = image.verdicts(reader, keep=["port"], reasons="denied")
    assert isinstance(stream, VerdictStream)
    assert stream.column_names[:2] == ["port", "allowed"]
    assert read == 0
    judged = stream.to_pyarrow()
    assert isinstance(judged, pa.RecordBatchReader)
    first = judged.read_next_batch()
    assert first["allowed"].to_pylist() == EXPECTED
    # What is not asked for is not read: streams may be larger than memory.
    assert read <= 2
    judged.read_all()
    assert (stream.rows, stream.bad_rows) == (50 * len(ROWS), 150)
    assert stream.allowed_rows + stream.denied_rows + stream.bad_rows == stream.rows
    with pytest.raises(RuntimeError, match="handed out already"):
        stream.to_pyarrow()


def test_streams_are_iterated(image: Image) -> None:
    reader = table().to_reader(max_chunksize=4)
    pieces = list(image.verdicts(reader))
    assert [len(piece) for piece in pieces] == [4, 4, 1]
    assert [row for piece in pieces for row in allowed(piece)] == EXPECTED


def test_a_stream_that_fails(image: Image) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield from table().to_batches()
        raise OSError("the disk is gone")

    reader = pa.RecordBatchReader.from_batches(table().schema, batches())
    with pytest.raises(Exception, match="the disk is gone"):
        image.verdicts(reader).to_pyarrow().read_all()


def test_results_go_to_every_library(image: Image) -> None:
    verdicts = image.verdicts(table(), reasons=True)
    assert verdicts.to_pandas()["allowed"].isna().sum() == 3
    assert verdicts.to_polars()["allowed"].to_list() == EXPECTED
    assert verdicts.to_polars()["tier"].drop_nulls().unique().to_list() == ["NetworkPolicy"]
    counted = duckdb.sql("select policy, count(*) as rows from verdicts where not allowed group by all").fetchall()
    assert sum(rows for _, rows in counted) == verdicts.denied_rows
    assert pa.table(verdicts).schema.field("tier").type == pa.dictionary(pa.int32(), pa.string())


SOURCES = ["10.244.1.10", "10.244.1.12", None]


def judged(image: Image, source: Any, **columns: Any) -> list[bool | None]:
    flows = {"source": source, "destination": ["10.244.1.11"] * 3, "port": [3306] * 3, **columns}
    return allowed(image.verdicts(flows, protocol="TCP"))


@pytest.mark.parametrize(
    "source",
    [
        [packed(text) for text in SOURCES],
        np.array([packed(text) for text in SOURCES], object),
        [None if text is None else ipaddress.ip_address(text) for text in SOURCES],
        pd.Series([None if text is None else ipaddress.ip_address(text) for text in SOURCES]),
        np.array([text or "" for text in SOURCES], dtype=np.dtypes.StringDType()),
        np.ma.array([number(text) or 0 for text in SOURCES], mask=[False, False, True]),
        np.ma.array([text or "10.244.1.10" for text in SOURCES], mask=[False, False, True]),
        pa.array([number(text) for text in SOURCES], pa.decimal128(38, 0)),
    ],
    ids=["bytes", "object", "ipaddress", "series", "text", "masked", "masked_text", "decimal"],
)
def test_other_columns_of_addresses(image: Image, source: Any) -> None:
    assert judged(image, source) == [True, False, None]


def test_other_columns_of_ports(image: Image) -> None:
    everything = [True, False, None]
    assert judged(image, SOURCES, port=np.array([3306] * 3, np.longdouble)) == everything
    assert judged(image, SOURCES, port=np.ma.array([3306] * 3, mask=[True, False, False])) == [
        None,
        False,
        None,
    ]
    # To Python, True is the number 1.
    assert judged(image, SOURCES, port=[True] * 3) == [None] * 3
    sums = duckdb.sql(
        "select '10.244.1.10' as source, '10.244.1.11' as destination, sum(i) as port "
        "from (values (3000), (306)) rows (i)"
    )
    assert allowed(image.verdicts(sums, protocol="TCP")) == [True]


def test_half_floats_are_read(image: Image) -> None:
    assert judged(image, ["10.244.1.10"] * 3, port=np.array([80, 0.5, np.nan], np.float16)) == [
        False,
        None,
        None,
    ]


@pytest.mark.parametrize("none", [[], (), np.array([], object), np.array([], np.uint32)])
def test_columns_without_rows(image: Image, none: Any) -> None:
    verdicts = image.verdicts({"source": none, "destination": none, "port": none}, protocol="TCP")
    assert (len(verdicts), verdicts.to_numpy().tolist()) == (0, [])


def test_frames_whose_columns_have_numbers(image: Image) -> None:
    frame = table().to_pandas()
    frame[0] = range(len(frame))
    assert allowed(image.verdicts(frame)) == EXPECTED
    frame.columns = [str(name) if name == "port" else place for place, name in enumerate(frame)]
    assert allowed(image.verdicts(frame, source="0", destination="1", protocol="2")) == EXPECTED


def test_a_name_that_two_columns_have(image: Image) -> None:
    frame = table().to_pandas()
    frame["more"] = 1
    twice = frame.rename(columns={"more": "port"})
    with pytest.raises(ValueError, match='there are 2 columns "port"'):
        image.verdicts(twice)
    assert allowed(image.verdicts(twice, port=443))[3] is True
    arrow = pa.Table.from_arrays(table().columns + [table()["port"]], [*table().column_names, "port"])
    with pytest.raises(ValueError, match='there are 2 columns "port"'):
        image.verdicts(arrow)


def test_what_cannot_be_kept(image: Image) -> None:
    with pytest.raises(TypeError, match="keep is True, False or a list of names"):
        image.verdicts(table(), keep="source")


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_batches_that_threads_share(image: Image, threads: int) -> None:
    """Of every size about those at which a batch is divided."""
    rows = table()
    reader = pa.RecordBatchReader.from_batches(
        rows.schema,
        (
            pa.concat_tables([rows] * (size // len(ROWS) + 1)).slice(0, size).combine_chunks().to_batches()[0]
            for size in (8191, 8192, 8193, 16385, 40001, 65537, 140001)
        ),
    )
    for batch in image.verdicts(reader, threads=threads):
        expected = (EXPECTED * (len(batch) // len(ROWS) + 1))[: len(batch)]
        assert allowed(batch) == expected
