"""The exceptions of the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netpolicy._native import Diagnostic


class NetpolicyError(Exception):
    """What this package raises of its own; each is also a built-in exception."""


class ManifestError(NetpolicyError, ValueError):
    """Manifests that have errors.

    The attributes are those of the first error; ``diagnostics`` has every one, and the
    warnings.
    """

    object: str | None
    """Kind, namespace and name of the object."""
    path: str | None
    """The field, such as ``spec.ingress[0].from[1].ipBlock.except[0]``."""
    message: str
    """What is wrong, and how to mend it."""
    file: str | None
    """The file; ``None`` for objects that were given as such."""
    line: int | None
    """The line, from 1."""
    column: int | None
    """The column, from 1."""
    diagnostics: tuple[Diagnostic, ...]
    """All that was found, in the order of reading."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        errors = [found for found in diagnostics if found.severity == "error"]
        super().__init__("\n".join(str(error) for error in errors))
        first = errors[0]
        self.object = first.object
        self.path = first.path
        self.message = first.message
        self.file = first.file
        self.line = first.line
        self.column = first.column
        self.diagnostics = tuple(diagnostics)

    def __reduce__(self) -> tuple[type[ManifestError], tuple[Sequence[Diagnostic]]]:
        # An exception's own pickle would call this class with the message.
        return type(self), (self.diagnostics,)


class CompileError(NetpolicyError, ValueError):
    """Objects that cannot be compiled: beyond a limit of the image."""


class ImageError(NetpolicyError, ValueError):
    """Bytes that are no image, or a damaged one."""


class UnknownEndpointError(NetpolicyError, LookupError):
    """A name that no pod or workload of the image has, or ends that share no family."""
