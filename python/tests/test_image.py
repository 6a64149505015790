"""Images: saved, mapped, pickled, shared."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
from netpolicy import Image, ImageError


def agrees(one: Image, other: Image) -> bool:
    question = ("203.0.113.7", "default/mysql")
    return (
        one == other
        and hash(one) == hash(other)
        and str(one.explain(*question, port=3306)) == str(other.explain(*question, port=3306))
    )


def test_save_load_and_map(image: Image, tmp_path: Path) -> None:
    path = tmp_path / "cluster.npi"
    image.save(path)
    assert path.stat().st_size == image.nbytes
    assert agrees(Image.load(path), image)
    assert agrees(Image.load(str(path), mmap=True), image)


def test_a_mapped_image_outlives_its_file(image: Image, tmp_path: Path) -> None:
    path = tmp_path / "cluster.npi"
    image.save(path)
    mapped = Image.load(path, mmap=True)
    path.unlink()
    assert agrees(mapped, image)


def test_pickle_and_copy(image: Image) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert agrees(pickle.loads(pickle.dumps(image, protocol)), image)
    assert agrees(copy.deepcopy(image), image)


def test_buffer(image: Image) -> None:
    view = memoryview(image)
    assert view.readonly
    assert view.nbytes == image.nbytes
    assert bytes(view) == bytes(image)
    assert agrees(Image(view), image)
    assert agrees(Image(bytearray(bytes(image))), image)


def test_a_view_keeps_the_image(image: Image) -> None:
    view = memoryview(Image(bytes(image)))
    assert bytes(view[:8]) == bytes(image)[:8]


def test_policies_and_pods(image: Image) -> None:
    names = [str(policy) for policy in image.policies]
    assert "NetworkPolicy default/database" in names
    pods = image.pods().to_pyarrow().to_pylist()
    assert {
        "namespace": "default",
        "name": "mysql",
        "address": "10.244.1.11",
        "workload_kind": None,
        "workload": None,
    } in pods


def test_what_is_no_image(image: Image, tmp_path: Path) -> None:
    data = bytes(image)
    with pytest.raises(ImageError, match="not a netpolicy image"):
        Image(b"kind: Pod\n" * 20)
    with pytest.raises(ImageError, match="bytes and should have"):
        Image(b"")
    with pytest.raises(ImageError, match="bytes and should have"):
        Image(data[:-1])
    with pytest.raises(ImageError, match="damaged"):
        Image(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    path = tmp_path / "no.npi"
    path.write_bytes(b"kind: Pod\n" * 20)
    for mmap in (False, True):
        with pytest.raises(ImageError, match=r"no\.npi: not a netpolicy image"):
            Image.load(path, mmap=mmap)
    for mmap in (False, True):
        with pytest.raises(FileNotFoundError, match=r"No such file .*none\.npi") as caught:
            Image.load(tmp_path / "none.npi", mmap=mmap)
        assert str(caught.value.filename) == str(tmp_path / "none.npi")
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        Image(data).save(tmp_path)
    with pytest.raises(TypeError):
        Image("text")
