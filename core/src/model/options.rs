//! The choices that the APIs leave open. SEMANTICS marks each with "(option)".

/// What selection by a NetworkPolicy makes final.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum IsolationScope {
    /// The directions in which some policy isolates the pod.
    #[default]
    PerDirection,
    /// Both, for a pod that is selected in either: the direction in which
    /// nothing isolates it is then allowed by the NetworkPolicy tier, and the
    /// Baseline tier is not asked.
    EitherDirection,
}

/// How traffic with the pod's own node is judged in the NetworkPolicy tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwnNode {
    /// Always allowed there.
    Allowed,
    /// Evaluated like any other.
    Evaluated,
}

/// The options of an image; [`Options::default`] is what SEMANTICS chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Options {
    /// "Per direction is the reading chosen here."
    pub isolation: IsolationScope,
    /// "Ingress from an address of the destination pod's own node is always
    /// allowed here."
    pub own_node_ingress: OwnNode,
    /// "Egress to the own node is evaluated like any other."
    pub own_node_egress: OwnNode,
    /// "`ipBlock` matches by address, pods' addresses too."
    pub ip_block_selects_pods: bool,
    /// How many bytes the decision tables (port maps, rows and chunks) may take.
    /// What does not fit is interpreted from the rules: slower, never wrong.
    pub table_budget: usize,
}

impl Options {
    /// 64 MiB.
    pub const DEFAULT_TABLE_BUDGET: usize = 64 << 20;
}

impl Default for Options {
    fn default() -> Options {
        Options {
            isolation: IsolationScope::PerDirection,
            own_node_ingress: OwnNode::Allowed,
            own_node_egress: OwnNode::Evaluated,
            ip_block_selects_pods: true,
            table_budget: Options::DEFAULT_TABLE_BUDGET,
        }
    }
}
