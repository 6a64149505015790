//! The kinds of finding.

/// A kind of finding. Codes are stable: they are never given another meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Code {
    /// A policy that can be removed without changing any verdict.
    RemovablePolicy,
    /// A rule that can be removed without changing any verdict.
    RemovableRule,
    /// A rule of a cluster-scoped policy in front of which others always decide.
    ShadowedRule,
    /// Two policies of one tier and priority that decide some connection differently.
    PriorityConflict,
    /// What was not asked, as it would take too long: nothing is said of what can be
    /// removed.
    TooMuchToCompare,
    /// Rules in a direction that `policyTypes` leaves out.
    RulesWithoutType,
    /// A policy that selects none of the pods.
    SubjectSelectsNothing,
    /// A peer that selects none of the pods or nodes.
    PeerSelectsNothing,
    /// A policy in a namespace that is not there.
    MissingNamespace,
    /// A named port that no pod has which could be its destination.
    UnknownPortName,
    /// A port that no container declares of the pods it is opened for.
    UndeclaredPort,
    /// Pods that may open connections to other pods, but look up no names.
    NoDns,
    /// Pods whose ingress no policy governs.
    UnprotectedPods,
    /// An `ipBlock` that holds addresses of pods.
    BlockHoldsPods,
    /// `namespaceSelector` and `podSelector` as two peers, where one was probably meant.
    SplitPeer,
    /// A pod that states an address which another pod holds.
    ContestedAddress,
}

/// Code, name, note (or warning), why it matters, how to mend it.
type Text = (&'static str, &'static str, bool, &'static str, &'static str);

/// The connections that are asked about.
macro_rules! asked {
    () => {
        "between the pods and nodes that are given, other addresses, and pods to come that have \
         what one selector asks for and no address yet."
    };
}

/// What is proved of all that can be removed.
macro_rules! unchanged {
    () => {
        concat!(
            " Without all that is said to be removable no verdict would change ",
            asked!()
        )
    };
}

impl Code {
    /// All kinds, by code.
    pub const ALL: [Code; 16] = [
        Code::RemovablePolicy,
        Code::RemovableRule,
        Code::ShadowedRule,
        Code::PriorityConflict,
        Code::TooMuchToCompare,
        Code::RulesWithoutType,
        Code::SubjectSelectsNothing,
        Code::PeerSelectsNothing,
        Code::MissingNamespace,
        Code::UnknownPortName,
        Code::UndeclaredPort,
        Code::NoDns,
        Code::UnprotectedPods,
        Code::BlockHoldsPods,
        Code::SplitPeer,
        Code::ContestedAddress,
    ];

    const fn text(self) -> Text {
        match self {
            Code::RemovablePolicy => (
                "NP101",
                "removable-policy",
                true,
                concat!(
                    "A policy without effect has to be read and kept, and hides which one has it.",
                    unchanged!()
                ),
                "Remove it, unless it is meant for pods or peers that are still to come.",
            ),
            Code::RemovableRule => (
                "NP102",
                "removable-rule",
                true,
                concat!(
                    "A rule without effect has to be read and kept, and hides which one has it.",
                    unchanged!()
                ),
                "Remove it, unless it is meant for pods or peers that are still to come.",
            ),
            Code::ShadowedRule => (
                "NP103",
                "shadowed-rule",
                false,
                concat!(
                    "The first rule that matches decides; this one never comes first, and so does \
                     not do what it says, ",
                    asked!()
                ),
                "Move it in front of the rules that decide before it, give its policy a lower \
                 priority number, or remove it.",
            ),
            Code::PriorityConflict => (
                "NP104",
                "priority-conflict",
                false,
                "The API leaves open which of two policies of one priority decides, so clusters \
                 may differ.",
                "Give the two policies different priorities.",
            ),
            Code::TooMuchToCompare => (
                "NP105",
                "too-much-to-compare",
                true,
                "That nothing is found removable or shadowed says nothing here.",
                "Give fewer objects at once, such as one namespace with its policies.",
            ),
            Code::RulesWithoutType => (
                "NP106",
                "rules-without-type",
                false,
                "A NetworkPolicy is not asked in a direction that policyTypes leaves out: its \
                 rules neither isolate there nor allow anything.",
                "Add the direction to policyTypes, or remove the rules.",
            ),
            Code::SubjectSelectsNothing => (
                "NP201",
                "subject-selects-nothing",
                false,
                "A policy that selects no pod protects none; a wrong label is the usual cause.",
                "Compare the selector with the labels of the pods it is meant for; of pods that have \
                 ended or are on the network of their node, none is selected.",
            ),
            Code::PeerSelectsNothing => (
                "NP202",
                "peer-selects-nothing",
                false,
                "A peer that selects nothing allows or denies nothing; a wrong label is the \
                 usual cause.",
                "Compare the selector with the labels of the pods, namespaces or nodes it is \
                 meant for.",
            ),
            Code::MissingNamespace => (
                "NP203",
                "missing-namespace",
                false,
                "The API server refuses objects of a namespace that does not exist.",
                "Correct metadata.namespace, or add the Namespace.",
            ),
            Code::UnknownPortName => (
                "NP204",
                "unknown-port-name",
                false,
                "A named port is looked up in the containers of the destination; where none has \
                 the name, the rule matches nothing there.",
                "Use the name that the container gives the port, or its number.",
            ),
            Code::UndeclaredPort => (
                "NP205",
                "undeclared-port",
                true,
                "Policies see the port of the container, not that of the Service; the two are \
                 often confused.",
                "Use the port that the container listens on (targetPort), or declare it in the \
                 container.",
            ),
            Code::NoDns => (
                "NP301",
                "no-dns",
                false,
                "Isolation for egress covers DNS as well: names of Services cannot be looked up.",
                "Allow egress to the cluster's DNS on port 53, UDP and TCP.",
            ),
            Code::UnprotectedPods => (
                "NP302",
                "unprotected-pods",
                true,
                "Whoever can send to pods that no policy governs can reach all of their ports.",
                "Select the pods with a NetworkPolicy for ingress, such as a default denial for \
                 the namespace.",
            ),
            Code::BlockHoldsPods => (
                "NP303",
                "block-holds-pods",
                true,
                "Whether an ipBlock matches pods depends on the network plugin, and pods change \
                 their addresses.",
                "Use selectors for pods, and except the pods' networks from the block.",
            ),
            Code::SplitPeer => (
                "NP304",
                "split-peer",
                false,
                "Two list items are two peers: all pods of those namespaces, or those pods of \
                 the policy's own namespace.",
                "Make one item of the two, by removing the dash in front of the second.",
            ),
            Code::ContestedAddress => (
                "NP305",
                "contested-address",
                false,
                "An address is one pod's, and no node's beside. What is asked about it is answered \
                 for the pod that holds it, and the policies of the other do nothing there.",
                "Remove the pod that is gone, or correct its status.podIPs; a pod on the network \
                 of its node needs hostNetwork: true, and each cluster is looked at by itself.",
            ),
        }
    }

    /// The code: `NP101`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.text().0
    }

    /// A short name: `removable-policy`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.text().1
    }

    /// Whether it may well be as it should, and is only worth knowing.
    #[must_use]
    pub const fn is_note(self) -> bool {
        self.text().2
    }

    /// Why it matters.
    #[must_use]
    pub const fn why(self) -> &'static str {
        self.text().3
    }

    /// How to mend it.
    #[must_use]
    pub const fn mend(self) -> &'static str {
        self.text().4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct() {
        for (index, code) in Code::ALL.iter().enumerate() {
            for other in &Code::ALL[index + 1..] {
                assert_ne!(code.code(), other.code());
                assert_ne!(code.name(), other.name());
            }
            assert!(code.why().ends_with('.') && code.mend().ends_with('.'));
        }
    }
}
