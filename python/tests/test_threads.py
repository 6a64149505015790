"""One image, many threads, all kinds of questions at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
from netpolicy import Cluster
from sample_data import POD_NETWORK, flows

NAMES = {"source": "srcaddr", "destination": "dstaddr", "port": "dstport"}


def test_threads_under_load(sample: Cluster) -> None:
    image = sample.compile()
    batch = next(flows(20_000, pods=400))
    expected = image.verdicts(batch, **NAMES, reasons=True, threads=1).to_pyarrow()
    rows = list(zip(*(batch[name].to_pylist()[:300] for name in ("srcaddr", "dstaddr", "dstport", "protocol")), strict=True))

    def columns(_: int) -> bool:
        found = image.verdicts(batch, **NAMES, reasons=True, threads=2).to_pyarrow()
        return found["allowed"].equals(expected["allowed"])

    def single(start: int) -> bool:
        for index, (source, destination, port, protocol) in enumerate(rows):
            known = expected["allowed"][index].as_py()
            if known is None:
                continue
            verdict = image.verdict(source, destination, port=port, protocol=protocol)
            if bool(verdict) != known or verdict.reason.allowed != known:
                return False
        return True

    def stream(_: int) -> bool:
        reader = pa.Table.from_batches([batch]).to_reader(max_chunksize=3000)
        found = image.verdicts(reader, **NAMES).to_pyarrow().read_all()
        return found["allowed"].combine_chunks().equals(expected["allowed"].combine_chunks())

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(job, number) for number in range(20) for job in (columns, single, stream)]
        assert all(future.result() for future in futures)


def test_one_stream_of_many_readers(sample: Cluster) -> None:
    batch = next(flows(50_000, pods=400))
    reader = pa.Table.from_batches([batch]).to_reader(max_chunksize=500)
    stream = sample.compile().verdicts(reader, **NAMES)
    lengths: list[int] = []

    def read() -> None:
        lengths.extend(len(piece) for piece in stream)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert sum(lengths) == stream.rows == 50_000


def test_the_gil_is_released(sample: Cluster) -> None:
    """While columns are judged, another thread goes on."""
    image = sample.compile()
    random = np.random.default_rng(1)
    rows = 4_000_000
    columns = {
        "source": POD_NETWORK + random.integers(0, 400, rows, np.uint32),
        "destination": POD_NETWORK + random.integers(0, 400, rows, np.uint32),
    }
    ticks = 0
    done = threading.Event()

    def count() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            time.sleep(0.0005)

    counter = threading.Thread(target=count)
    counter.start()
    time.sleep(0.01)
    before = ticks
    image.verdicts(columns, protocol="TCP", port=5432, threads=1)
    during = ticks - before
    done.set()
    counter.join()
    assert during > 5
