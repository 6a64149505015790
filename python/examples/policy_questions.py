"""Questions of a platform team, as a script that is checked by `mypy --strict`.

    python policy_questions.py examples/wordpress
"""

from __future__ import annotations

import sys
from ipaddress import IPv4Address

import netpolicy
from netpolicy.testing import assert_allowed, assert_denied


def main(path: str) -> None:
    """Asks what may reach the database, and why."""
    try:
        cluster = netpolicy.Cluster.load(path)
    except netpolicy.ManifestError as error:
        sys.exit(f"{error.file}:{error.line}: {error.object}: {error.path}: {error.message}")
    image = cluster.compile()
    assert_allowed(image, "default/wordpress", "default/mysql", port=3306)
    assert_denied(image, IPv4Address("203.0.113.7"), "default/mysql", port=3306)

    verdict = image.verdict("default/batch", "default/mysql", port=3306)
    if not verdict:
        side = verdict.reason.ingress
        policies: list[str] = [str(consulted.policy) for consulted in side.policies]
        print(f"{verdict}: {side.reason} by {', '.join(policies)}")

    sources: set[str] = {
        row.source
        for row in image.reachability().rows
        if row.destination == "default/mysql" and row.protocol == "TCP"
    }
    print("may reach the database:", ", ".join(sorted(sources)))

    flows = {"source": ["10.244.1.10", "10.244.1.12"], "destination": ["10.244.1.11"] * 2}
    verdicts = image.verdicts(flows, protocol="TCP", port=3306, reasons="denied")
    print(f"{verdicts.denied_rows} of {len(verdicts)} flows would be denied")


if __name__ == "__main__":
    main(sys.argv[1])
