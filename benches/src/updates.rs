//! How long a change takes to be visible, and what readers feel of changes.

use std::hint::{self, black_box};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use netpolicy::live::{Event, Live, Object, Reader, UpdateKind};
use netpolicy::model::{Label, Namespace, NetworkPolicy, NetworkPolicyRule, Options, Pod, Port};
use netpolicy::{Connection, Protocol};

use crate::contestant::Contestant;
use crate::figure::{Figure, Figures};
use crate::timing::back_to_back;
use crate::traffic::{Mix, draw};
use crate::verdicts::CONNECTIONS;
use crate::world::World;

/// How many changes of each sort are made.
#[derive(Debug, Clone, Copy)]
pub struct Changes {
    /// Pods that come and go.
    pub pods: usize,
    /// Policies that are edited.
    pub policies: usize,
    /// Namespaces whose labels change.
    pub namespaces: usize,
    /// How long readers are watched, each time.
    pub window: Duration,
    /// How often.
    pub windows: usize,
}

/// How many updates a second readers have to bear.
const RATE: u32 = 1_000;
/// Among the updates that readers bear, one in so many is of a policy.
const POLICY_EVERY: usize = 20;
/// The last byte of the addresses that pods move to: nothing else has it in a world.
const FREE_HOST: u8 = 253;

/// Measures a world's updates.
///
/// # Errors
/// Where an update fails or is not visible, or figures cannot be written.
pub fn measure(world: &World, changes: Changes, figures: &mut Figures) -> Result<()> {
    let mut live = Live::new(world.cluster.clone(), Options::default())?;
    let watch = Watch::begin(live.epoch());
    let reader = live.reader();
    let [mut gone, mut come] = [Times::default(), Times::default()];
    let [mut edited, mut relabelled] = [Times::default(), Times::default()];
    thread::scope(|scope| -> Result<()> {
        let watch = &watch;
        scope.spawn(move || watch.look(&reader));
        let _end = EndOf(watch);
        let live = &mut live;
        for (removal, addition) in moves(world).take(changes.pods) {
            gone.apply(live, watch, removal)?;
            come.apply(live, watch, addition)?;
        }
        for edit in edits(world).take(changes.policies) {
            edited.apply(live, watch, edit)?;
        }
        for relabel in relabels(world).take(changes.namespaces) {
            relabelled.apply(live, watch, relabel)?;
        }
        Ok(())
    })?;
    for (what, times) in [
        ("pod-add", come),
        ("pod-delete", gone),
        ("policy-edit", edited),
        ("namespace-relabel", relabelled),
    ] {
        times.add_to(figures, &format!("{}/update/{what}", world.name))?;
    }
    readers(world, live, changes, figures)
}

/// A reader on a thread of its own that notes when it sees an epoch.
struct Watch {
    origin: Instant,
    epoch: AtomicU64,
    /// When it saw that, in nanoseconds after `origin`.
    at: AtomicU64,
    is_over: AtomicBool,
}

impl Watch {
    fn begin(epoch: u64) -> Watch {
        Watch {
            origin: Instant::now(),
            epoch: AtomicU64::new(epoch),
            at: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    /// Nanoseconds after `origin`.
    fn now(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// Looks until it is over.
    fn look(&self, reader: &Reader) {
        let mut last = self.epoch.load(Ordering::Relaxed);
        while !self.is_over.load(Ordering::Relaxed) {
            let Some(epoch) = reader.enter().map(|reading| reading.epoch()) else {
                break;
            };
            if epoch != last {
                last = epoch;
                self.at.store(self.now(), Ordering::Relaxed);
                self.epoch.store(epoch, Ordering::Release);
            }
            hint::spin_loop();
        }
    }

    /// When an epoch, which is there, was first seen.
    fn seen(&self, epoch: u64) -> Result<u64> {
        loop {
            let seen = self.epoch.load(Ordering::Acquire);
            ensure!(seen <= epoch, "{seen} is seen, not {epoch}");
            if seen == epoch {
                return Ok(self.at.load(Ordering::Relaxed));
            }
            thread::yield_now();
        }
    }
}

/// Ends a watch when it goes, whatever has happened.
struct EndOf<'w>(&'w Watch);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// How long updates took until a reader saw them, of those that changed a verdict.
#[derive(Default)]
struct Times {
    microseconds: Vec<f64>,
    patched: usize,
}

impl Times {
    fn apply(&mut self, live: &mut Live, watch: &Watch, event: Event) -> Result<()> {
        let begun = watch.now();
        let update = live.apply(event)?;
        // Where no policy can tell, there is nothing to see.
        if update.kind != UpdateKind::Unchanged {
            let seen = watch.seen(update.epoch)?;
            self.microseconds.push((seen - begun) as f64 / 1e3);
            self.patched += usize::from(update.kind == UpdateKind::Patched);
        }
        Ok(())
    }

    fn add_to(mut self, figures: &mut Figures, name: &str) -> Result<()> {
        let times = &mut self.microseconds;
        times.sort_unstable_by(f64::total_cmp);
        let count = times.len();
        if count == 0 {
            return Ok(());
        }
        let at = |share: f64| times[((count as f64 * share) as usize).min(count - 1)];
        figures.add(Figure::new(format!("{name}/p50"), at(0.5), "µs"))?;
        figures.add(Figure::new(format!("{name}/p99"), at(0.99), "µs"))?;
        let patched = 100.0 * self.patched as f64 / count as f64;
        figures.add(Figure::new(format!("{name}/patched"), patched, "%"))
    }
}

/// A pod of each node goes, and one of its replicas comes at another address; then back.
fn moves(world: &World) -> impl Iterator<Item = (Event, Event)> {
    let mut of_node: Vec<Option<&Pod<'static>>> = vec![None; world.nodes.len()];
    for (pod, node) in world.cluster.pods().iter().zip(&world.pod_nodes) {
        of_node[*node as usize] = Some(pod);
    }
    let there: Vec<(Pod<'static>, Pod<'static>)> = of_node
        .into_iter()
        .flatten()
        .map(|pod| {
            let addresses = pod.addresses.iter().map(|address| beside(*address));
            let moved = Pod {
                name: format!("{}-moved", pod.name).into(),
                addresses: addresses.collect(),
                ..pod.clone()
            };
            (pod.clone(), moved)
        })
        .collect();
    let back: Vec<_> = there.iter().cloned().map(|(from, to)| (to, from)).collect();
    there.into_iter().chain(back).cycle().map(|(from, to)| {
        let key = Object::from(from).key();
        (Event::Deleted(key), Event::Added(to.into()))
    })
}

/// An address of the same block that is free.
fn beside(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            [a, b, c, FREE_HOST].into()
        }
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            octets[15] = FREE_HOST;
            octets.into()
        }
    }
}

/// Another port in the first rule of one policy after another.
fn edits(world: &World) -> impl Iterator<Item = Event> {
    let policies = world.cluster.network_policies().iter();
    let edits: Vec<NetworkPolicy<'static>> = policies.filter_map(edit).collect();
    let there = edits.clone().into_iter();
    let back = world.cluster.network_policies().iter();
    let back: Vec<_> = back
        .filter(|policy| edit(policy).is_some())
        .cloned()
        .collect();
    let both: Vec<_> = there.chain(back).collect();
    both.into_iter()
        .cycle()
        .map(|policy| Event::Modified(policy.into()))
}

fn edit(policy: &NetworkPolicy<'static>) -> Option<NetworkPolicy<'static>> {
    let rule = policy.ingress.first()?;
    let [Port::Range(Protocol::TCP, range)] = &*rule.ports else {
        return None;
    };
    let other = netpolicy::model::PortRange::single(i64::from(range.first()) + 1).ok()?;
    let edited = NetworkPolicyRule {
        ports: vec![Port::Range(Protocol::TCP, other)].into(),
        ..rule.clone()
    };
    let rest = policy.ingress.iter().skip(1).cloned();
    Some(NetworkPolicy {
        ingress: std::iter::once(edited).chain(rest).collect(),
        ..policy.clone()
    })
}

/// One namespace after another goes to another team.
fn relabels(world: &World) -> impl Iterator<Item = Event> {
    let namespaces = world.cluster.namespaces().to_vec();
    namespaces.into_iter().rev().map(|namespace| {
        let labels = namespace.labels.iter().map(|label| match &*label.key {
            "team" => Label::new("team", "team-1"),
            _ => label.clone(),
        });
        let relabelled = Namespace {
            labels: labels.collect(),
            ..namespace.clone()
        };
        Event::Modified(relabelled.into())
    })
}

/// The time of a verdict for readers, while nothing changes and while much does.
fn readers(world: &World, mut live: Live, changes: Changes, figures: &mut Figures) -> Result<()> {
    let connections = draw(world, Mix::Zipf, CONNECTIONS);
    let mut events = moves(world).flat_map(|(gone, come)| [gone, come]);
    let mut edits = edits(world);
    let mut least = [f64::INFINITY; 2];
    let mut slowest_rate = f64::INFINITY;
    for _ in 0..changes.windows {
        for (disturbed, least) in [false, true].into_iter().zip(&mut least) {
            let reader = live.reader();
            let stop = AtomicBool::new(false);
            let time = thread::scope(|scope| -> Result<f64> {
                let (connections, stop) = (&connections, &stop);
                let reading = scope.spawn(move || read(&reader, connections, stop));
                let begun = Instant::now();
                let mut applied = 0;
                let mut failed = None;
                while begun.elapsed() < changes.window && failed.is_none() {
                    if disturbed {
                        let due = Duration::from_secs(1) * applied / RATE;
                        thread::sleep(due.saturating_sub(begun.elapsed()));
                        let is_policy = applied as usize % POLICY_EVERY == POLICY_EVERY - 1;
                        let next = if is_policy {
                            edits.next()
                        } else {
                            events.next()
                        };
                        failed = next.and_then(|event| live.apply(event).err());
                        applied += 1;
                    } else {
                        thread::sleep(changes.window);
                    }
                }
                if disturbed {
                    let rate = f64::from(applied) / begun.elapsed().as_secs_f64();
                    slowest_rate = slowest_rate.min(rate);
                }
                stop.store(true, Ordering::Relaxed);
                let time = reading
                    .join()
                    .map_err(|_| anyhow::anyhow!("a reader panicked"))?;
                failed.map_or(Ok(time), |error| Err(error.into()))
            })?;
            *least = least.min(time);
        }
    }
    let name = format!("{}/update/readers", world.name);
    figures.add(Figure::new(&name, least[1], "ns").beside("undisturbed", least[0]))?;
    figures.add(Figure::new(
        format!("{name}/rate"),
        slowest_rate,
        "updates/s",
    ))
}

/// Asks until it is stopped; returns the time of a verdict in nanoseconds.
fn read(reader: &Reader, connections: &[Connection], stop: &AtomicBool) -> f64 {
    let begun = Instant::now();
    let mut asked = 0;
    while !stop.load(Ordering::Relaxed) {
        let few = &connections[asked % CONNECTIONS..][..CONNECTIONS / 16];
        black_box(back_to_back(few, |connection| reader.allows(connection)));
        asked += few.len();
    }
    begun.elapsed().as_nanos() as f64 / asked.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_pods_have_free_addresses() {
        let moved = ["10.0.3.7", "fd00:10:244:3::7"].map(|text| beside(text.parse().unwrap()));
        assert_eq!(
            moved.map(|address| address.to_string()),
            ["10.0.3.253", "fd00:10:244:3::fd"]
        );
    }
}
