"""What manifests can be given as, reduced to files and texts.

Objects go through JSON, so that they are read by the same code as files, with the same
errors.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

#: The API of the kinds that matter, for models of the ``kubernetes`` client: the API
#: server leaves ``apiVersion`` and ``kind`` out of the items of a list.
_API_VERSIONS = {
    "CronJob": "batch/v1",
    "DaemonSet": "apps/v1",
    "Deployment": "apps/v1",
    "Job": "batch/v1",
    "Namespace": "v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Node": "v1",
    "Pod": "v1",
    "ReplicaSet": "apps/v1",
    "ReplicationController": "v1",
    "StatefulSet": "apps/v1",
}

_GLOB = frozenset("*?[")


def sources(given: Iterable[object]) -> Iterator[tuple[str, str | None]]:
    """Pairs of a file's name and ``None``, or of a text's name and the text."""
    for source in given:
        yield from _source(source)


def _source(source: object) -> Iterator[tuple[str, str | None]]:
    if isinstance(source, str) and _is_text(source):
        yield "<text>", source
    elif isinstance(source, str | os.PathLike):
        yield from ((path, None) for path in _paths(os.fspath(source)))
    elif callable(read := getattr(source, "read", None)):
        text, name = read(), getattr(source, "name", None)
        yield (
            name if isinstance(name, str) else "<text>",
            text.decode() if isinstance(text, bytes) else text,
        )
    elif isinstance(source, Mapping) or _is_model(source) or _is_dynamic(source):
        yield "", json.dumps(plain(source))
    elif isinstance(source, Iterable) and not isinstance(source, bytes | bytearray):
        yield from sources(source)
    else:
        raise TypeError(
            "a source of manifests is a path, a glob, a text, an open file, a dict or a Kubernetes "
            f"object, not {type(source).__name__}"
        )


def _is_text(source: str) -> bool:
    return "\n" in source or source.lstrip().startswith("{")


def _paths(path: str) -> list[str]:
    """The path, or what a glob stands for. A file that has such a name is itself."""
    if not _GLOB.intersection(path) or os.path.exists(path):
        return [path]
    found = sorted(glob.glob(path, recursive=True))
    if not found:
        raise FileNotFoundError(f"no file matches {path!r}")
    return found


def _is_model(value: object) -> bool:
    """Whether a value is a model of the official client (or its asyncio sibling)."""
    return hasattr(value, "attribute_map") and hasattr(value, "openapi_types")


def _is_dynamic(value: object) -> bool:
    """Whether a value is a ``ResourceInstance`` of the client's dynamic part."""
    return callable(getattr(value, "to_dict", None))


def plain(value: Any) -> Any:
    """A value as JSON has it, by the names of the API."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, datetime):
        # The API server's times are UTC, and YAML parsers hand them out without a zone.
        return value.isoformat() + ("" if value.tzinfo else "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if _is_model(value):
        return _model(value)
    if _is_dynamic(value):
        return plain(value.to_dict())
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)


def _model(model: Any) -> dict[str, Any]:
    fields = {
        name: plain(getattr(model, attribute))
        for attribute, name in model.attribute_map.items()
        if getattr(model, attribute) is not None
    }
    kind = type(model).__name__.removeprefix("V1")
    api_version = _API_VERSIONS.get(kind.removesuffix("List"))
    if api_version is not None:
        fields.setdefault("apiVersion", api_version)
        fields.setdefault("kind", kind)
    return fields
