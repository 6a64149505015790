"""May this connection pass under these Kubernetes network policies, and why?

>>> cluster = netpolicy.Cluster.load("examples/wordpress")
>>> image = cluster.compile()
>>> verdict = image.verdict("203.0.113.7", "default/wordpress", port=443, protocol="TCP")
>>> bool(verdict)
True
>>> print(verdict.reason)
allow 203.0.113.7 (external) -> default/wordpress (10.244.1.10) TCP 443: ...

:meth:`Image.verdicts` answers for whole columns, :meth:`Image.explain` tells why.
:mod:`netpolicy.testing` has assertions for tests of policies, :mod:`netpolicy.spark`
verdict columns for Spark.
"""

from netpolicy._errors import (
    CompileError,
    ImageError,
    ManifestError,
    NetpolicyError,
    UnknownEndpointError,
)
from netpolicy._native import (
    Cluster,
    ConsultedPolicy,
    Diagnostic,
    DirectionExplanation,
    End,
    Explanation,
    Image,
    NearestMiss,
    Pod,
    Policy,
    Reachability,
    ReachabilityRow,
    Rule,
    Table,
    Verdict,
    Verdicts,
    VerdictStream,
    __version__,
)

# Tracebacks call them what they are imported as.
for _error in (CompileError, ImageError, ManifestError, NetpolicyError, UnknownEndpointError):
    _error.__module__ = __name__
del _error

__all__ = [
    "Cluster",
    "CompileError",
    "ConsultedPolicy",
    "Diagnostic",
    "DirectionExplanation",
    "End",
    "Explanation",
    "Image",
    "ImageError",
    "ManifestError",
    "NearestMiss",
    "NetpolicyError",
    "Pod",
    "Policy",
    "Reachability",
    "ReachabilityRow",
    "Rule",
    "Table",
    "UnknownEndpointError",
    "Verdict",
    "VerdictStream",
    "Verdicts",
    "__version__",
]
