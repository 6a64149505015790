//! Where the peers and ports of policies stand. Policies themselves know where they and
//! their rules do.

use alloc::string::String;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::map::find;
use super::tape::{Kind, Mark, Node};

/// The lists of rules, and the lists that a rule may have.
const DIRECTIONS: [&str; 2] = ["egress", "ingress"];
const LISTS: [&str; 4] = ["from", "to", "ports", "protocols"];

/// An item of a list of a rule: index in `DIRECTIONS`, of the rule, in `LISTS`, of the
/// item.
type Place = (u8, u32, u8, u32);

/// The marks of the items of all policies, by what the policy is called.
#[derive(Debug)]
pub(super) struct Marks {
    of_policies: HashMap<String, Vec<(Place, Mark)>, ahash::RandomState>,
}

impl Default for Marks {
    fn default() -> Marks {
        Marks {
            of_policies: HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4)),
        }
    }
}

impl Marks {
    /// Keeps where the items of a policy stand, in place of those of the one of its name
    /// that was read before.
    pub(super) fn insert(&mut self, policy: String, node: Node<'_>) {
        let mut marks = Vec::new();
        let spec = find(node, "spec");
        for (direction, name) in (0..).zip(DIRECTIONS) {
            for (rule, node) in items(spec, name) {
                for (list, name) in (0..).zip(LISTS) {
                    let items = items(Some(node), name);
                    marks.extend(
                        items.map(|(item, node)| ((direction, rule, list, item), node.mark())),
                    );
                }
            }
        }
        marks.shrink_to_fit();
        self.of_policies.insert(policy, marks);
    }

    /// Where the peer or port is in which a field of a policy is.
    pub(super) fn find(&self, policy: &str, path: &str) -> Option<Mark> {
        let marks = self.of_policies.get(policy)?;
        let place = place(path)?;
        let mark = marks.iter().find(|(other, _)| *other == place);
        mark.map(|(_, mark)| *mark)
    }
}

/// The items of a list in a map, numbered.
fn items<'t>(map: Option<Node<'t>>, name: &str) -> impl Iterator<Item = (u32, Node<'t>)> {
    let map = map.filter(|map| map.kind() == Kind::Map);
    let list = map.and_then(|map| find(map, name));
    let list = list.filter(|list| list.kind() == Kind::List);
    (0..).zip(list.into_iter().flat_map(Node::children))
}

/// `spec.ingress[0].from[1]`, and whatever is in it.
fn place(path: &str) -> Option<Place> {
    let (direction, path) = path.strip_prefix("spec.")?.split_once('[')?;
    let (rule, path) = path.split_once("].")?;
    let (list, path) = path.split_once('[')?;
    let (item, _) = path.split_once(']')?;
    let position = |names: &[&str], name: &str| {
        let at = names.iter().position(|other| *other == name)?;
        u8::try_from(at).ok()
    };
    Some((
        position(&DIRECTIONS, direction)?,
        rule.parse().ok()?,
        position(&LISTS, list)?,
        item.parse().ok()?,
    ))
}
