//! Network namespaces as pods, and the netfilter-queue daemon between them.
//!
//! ```text
//!  wordpress ──┐
//!  mysql ──────┤
//!  batch ──────┼── router: forwards, queues first packets, runs the daemon
//!  coredns ────┤
//!  outside ────┘
//! ```
//!
//! All of it needs root, and Linux with veth, connection tracking and the iptables
//! target NFQUEUE. The daemon's program is taken from the environment, as
//! `NETPOLICY_NFQUEUE`: `cargo xtask test traffic` builds it.

pub mod daemon;
pub mod namespace;
pub mod network;
pub mod policies;
pub mod talk;
