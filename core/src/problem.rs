//! What can be wrong with an object, and how to mend it.

use core::fmt;

use crate::Cidr;

/// Why a value is refused. [`fmt::Display`] says what is wrong and, where it is
/// short, how to mend it; who reports it adds the object, the field and the
/// text that was found. SEMANTICS, "Bad input".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Problem {
    /// Text that is no CIDR.
    NotACidr,
    /// An address where a CIDR belongs; the prefix that would hold just it.
    CidrWithoutPrefix {
        /// 32 or 128.
        bits: u8,
    },
    /// A prefix longer than the address.
    PrefixTooLong {
        /// What was given.
        prefix: u8,
        /// What is possible.
        bits: u8,
    },
    /// An `except` entry that is not strictly inside `cidr`.
    ExceptOutsideCidr {
        /// The block it should be in.
        cidr: Cidr,
    },
    /// Text that is no IP address.
    NotAnAddress,
    /// A port outside 1–65535.
    PortOutOfRange {
        /// What was given.
        number: i64,
    },
    /// A range that ends before it begins.
    PortRangeReversed {
        /// Its first port.
        first: u16,
        /// Its last port.
        last: u16,
    },
    /// `endPort` without `port`.
    EndPortWithoutPort,
    /// `endPort` with a named port.
    EndPortWithNamedPort,
    /// A port name that can be none: empty, or a number in quotes.
    NotAPortName,
    /// A protocol that is none of TCP, UDP, SCTP.
    UnknownProtocol,
    /// An operator that is none of the four.
    UnknownOperator,
    /// A policy type that is neither Ingress nor Egress.
    UnknownPolicyType,
    /// A tier that is neither Admin nor Baseline.
    UnknownTier,
    /// An action that is none of Allow, Deny, Pass (ANP).
    UnknownAdminAction,
    /// An action that is neither Allow nor Deny (BANP).
    UnknownBaselineAdminAction,
    /// An action that is none of Accept, Deny, Pass (CNP).
    UnknownClusterAction,
    /// A pod phase that is none of the five.
    UnknownPhase,
    /// `In` or `NotIn` without values.
    OperatorWithoutValues,
    /// `Exists` or `DoesNotExist` with values.
    OperatorWithValues,
    /// A NetworkPolicy peer with none of its three fields.
    PeerWithoutField,
    /// A NetworkPolicy peer with `ipBlock` and a selector.
    IpBlockBesideSelectors,
    /// A priority outside 0–1000.
    PriorityOutOfRange {
        /// What was given.
        priority: i64,
    },
    /// A rule of a cluster-scoped policy without peers.
    RuleWithoutPeers,
    /// `Pass` in a BaselineAdminNetworkPolicy.
    PassInBaselineAdmin,
    /// `domainNames` in a rule that does not allow.
    DomainNamesNeedAllow,
    /// Text that is neither a domain name nor `*.` and one.
    NotADomainName,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Problem::NotACidr => {
                "not a CIDR: write an address and a prefix length, such as 10.0.0.0/8 or fd00::/8"
            }
            Problem::CidrWithoutPrefix { bits } => {
                return write!(f, "an address, not a CIDR: append /{bits} to mean just this address");
            }
            Problem::PrefixTooLong { bits, .. } => {
                return write!(f, "the prefix is longer than the address: {bits} bits at most");
            }
            Problem::ExceptOutsideCidr { cidr } => {
                return write!(
                    f,
                    "does not lie strictly inside {cidr}: every exception must be a smaller block within cidr"
                );
            }
            Problem::NotAnAddress => "not an IP address",
            Problem::PortOutOfRange { number } => {
                return write!(f, "port {number} is out of range: ports are 1 to 65535");
            }
            Problem::PortRangeReversed { first, last } => {
                return write!(f, "the range ends before it begins: {last} is smaller than {first}");
            }
            Problem::EndPortWithoutPort => "endPort without port: add port, the first of the range",
            Problem::EndPortWithNamedPort => {
                "endPort beside a named port: a range needs a numeric port"
            }
            Problem::NotAPortName => {
                "not a port name: a name has at least one letter; write a number without quotes"
            }
            Problem::UnknownProtocol => "unknown protocol: use TCP, UDP or SCTP",
            Problem::UnknownOperator => "unknown operator: use In, NotIn, Exists or DoesNotExist",
            Problem::UnknownPolicyType => "unknown policy type: use Ingress or Egress",
            Problem::UnknownTier => "unknown tier: use Admin or Baseline",
            Problem::UnknownAdminAction => "unknown action: use Allow, Deny or Pass",
            Problem::UnknownBaselineAdminAction => "unknown action: use Allow or Deny",
            Problem::UnknownClusterAction => "unknown action: use Accept, Deny or Pass",
            Problem::UnknownPhase => {
                "unknown phase: use Pending, Running, Succeeded, Failed or Unknown"
            }
            Problem::OperatorWithoutValues => "In and NotIn need at least one value",
            Problem::OperatorWithValues => "Exists and DoesNotExist take no values: remove them",
            Problem::PeerWithoutField => {
                "a peer needs podSelector, namespaceSelector or ipBlock; to match every peer, remove the list"
            }
            Problem::IpBlockBesideSelectors => {
                "ipBlock excludes podSelector and namespaceSelector: make two peers of it"
            }
            Problem::PriorityOutOfRange { priority } => {
                return write!(f, "priority {priority} is out of range: priorities are 0 to 1000");
            }
            Problem::RuleWithoutPeers => "the rule needs at least one peer",
            Problem::PassInBaselineAdmin => {
                "a BaselineAdminNetworkPolicy cannot Pass: use Allow or Deny"
            }
            Problem::DomainNamesNeedAllow => {
                "domainNames are for rules that allow: use Accept (or Allow), or another peer"
            }
            Problem::NotADomainName => {
                "not a domain name: write labels and dots, with *. in front for every name below"
            }
        })
    }
}

impl core::error::Error for Problem {}
