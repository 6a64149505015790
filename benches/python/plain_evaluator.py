"""A plain evaluator, as one writes it in an afternoon: dicts, loops, `ipaddress`.

It knows what the manifests of `sample_data` use: NetworkPolicies for ingress with
`matchLabels`, blocks and numbered ports, and AdminNetworkPolicies that deny ingress.
"""

from __future__ import annotations

import ipaddress
from typing import Any

PROTOCOLS = {6: "TCP", 17: "UDP"}


class Evaluator:
    """Verdicts for flows between addresses."""

    def __init__(self, manifests: list[dict[str, Any]]) -> None:
        def of_kind(kind: str) -> list[dict[str, Any]]:
            return [item for item in manifests if item["kind"] == kind]

        self.namespaces = {
            item["metadata"]["name"]: {
                **item["metadata"].get("labels", {}),
                "kubernetes.io/metadata.name": item["metadata"]["name"],
            }
            for item in of_kind("Namespace")
        }
        self.pods = {item["status"]["podIP"]: item["metadata"] for item in of_kind("Pod")}
        self.policies: dict[str, list[dict[str, Any]]] = {}
        for item in of_kind("NetworkPolicy"):
            self.policies.setdefault(item["metadata"]["namespace"], []).append(item["spec"])
        admin = [item["spec"] for item in of_kind("AdminNetworkPolicy")]
        self.admin = sorted(admin, key=lambda spec: int(spec["priority"]))

    def verdict(self, flow: dict[str, Any]) -> bool | None:
        """Whether a flow may pass; `None` if it has no addresses."""
        try:
            source = ipaddress.IPv4Address(flow["srcaddr"])
            ipaddress.IPv4Address(flow["dstaddr"])
        except ValueError:
            return None
        subject = self.pods.get(flow["dstaddr"])
        peer = self.pods.get(flow["srcaddr"])
        if subject is None or flow["srcaddr"] == flow["dstaddr"]:
            return True
        for spec in self.admin:
            if self._pods_match(spec["subject"]["pods"], subject):
                for rule in spec["ingress"]:
                    if any(self._pods_match(it["pods"], peer) for it in rule["from"]):
                        return bool(rule["action"] != "Deny")
        policies = [
            spec
            for spec in self.policies.get(subject["namespace"], [])
            if _match(spec["podSelector"], subject["labels"])
        ]
        return not policies or any(
            self._rule_matches(rule, subject, peer, source, flow)
            for spec in policies
            for rule in spec.get("ingress", [])
        )

    def _rule_matches(
        self,
        rule: dict[str, Any],
        subject: dict[str, Any],
        peer: dict[str, Any] | None,
        source: ipaddress.IPv4Address,
        flow: dict[str, Any],
    ) -> bool:
        return _ports_match(rule, flow) and any(
            self._peer_matches(it, subject, peer, source) for it in rule["from"]
        )

    def _peer_matches(
        self,
        given: dict[str, Any],
        subject: dict[str, Any],
        peer: dict[str, Any] | None,
        source: ipaddress.IPv4Address,
    ) -> bool:
        if "ipBlock" in given:
            block = given["ipBlock"]
            return source in ipaddress.IPv4Network(block["cidr"]) and not any(
                source in ipaddress.IPv4Network(cidr) for cidr in block["except"]
            )
        if "namespaceSelector" in given:
            return self._pods_match(given, peer)
        return (
            peer is not None
            and peer["namespace"] == subject["namespace"]
            and _match(given["podSelector"], peer["labels"])
        )

    def _pods_match(self, selectors: dict[str, Any], pod: dict[str, Any] | None) -> bool:
        return (
            pod is not None
            and _match(selectors["namespaceSelector"], self.namespaces[pod["namespace"]])
            and _match(selectors["podSelector"], pod["labels"])
        )


def _ports_match(rule: dict[str, Any], flow: dict[str, Any]) -> bool:
    return "ports" not in rule or any(
        port.get("protocol", "TCP") == PROTOCOLS.get(flow["protocol"])
        and port["port"] <= flow["dstport"] <= port.get("endPort", port["port"])
        for port in rule["ports"]
    )


def _match(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
