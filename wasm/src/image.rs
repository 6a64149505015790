//! An image, and what can be asked of it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netpolicy::explain::{Explanation, Reason};
use netpolicy::model::{Direction, Pod};
use netpolicy::{Endpoint, Family, ImageBuf, PodRef, Protocol};
use serde::Serialize;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::convert::{
    Diagnostics, Explanations, PodInfos, Policies, Question, Thrown, VerdictObject, error, to_js,
};
use crate::endpoint;

/// Compiled policies, with the namespaces, nodes and pods they are about: as many
/// questions as you like, and bytes to keep or to send.
///
/// Its memory is not JavaScript's: `free()` it when it is no longer needed, or leave
/// it to the garbage collector.
#[wasm_bindgen]
pub struct Image {
    pub(crate) image: ImageBuf,
}

impl From<ImageBuf> for Image {
    fn from(image: ImageBuf) -> Image {
        Image { image }
    }
}

/// `Verdict` in `types.ts`.
#[derive(Serialize)]
struct Verdict {
    allowed: bool,
    egress: bool,
    ingress: bool,
}

/// `PodInfo` in `types.ts`.
#[derive(Serialize)]
struct PodInfo<'i> {
    namespace: &'i str,
    name: &'i str,
    workload: Option<WorkloadInfo<'i>>,
    addresses: Vec<IpAddr>,
    open: Openness,
}

/// `Openness` in `types.ts`.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Openness {
    to_pods: bool,
    to_outside: bool,
    from_pods: bool,
    from_outside: bool,
}

#[derive(Serialize)]
struct WorkloadInfo<'i> {
    kind: &'i str,
    name: &'i str,
}

/// `PolicyInfo` in `types.ts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyInfo<'i> {
    #[serde(flatten)]
    policy: netpolicy::explain::PolicyRef<'i>,
    selected_pods: u32,
}

/// The bytes of an address in a batch: IPv6, or IPv4-mapped.
const ADDRESS_BYTES: usize = 16;

/// Packs addresses for `Image.verdicts`: 16 bytes each, IPv4 as IPv4-mapped IPv6.
///
/// Throws an `Error` that names the first text that is no address.
#[wasm_bindgen(js_name = packAddresses)]
pub fn pack_addresses(addresses: Vec<String>) -> Result<Vec<u8>, Thrown> {
    let mut packed = Vec::with_capacity(addresses.len() * ADDRESS_BYTES);
    for (index, text) in addresses.iter().enumerate() {
        let address: IpAddr = text
            .parse()
            .map_err(|_| error(format!("addresses[{index}]: {text:?} is no IP address")))?;
        let bytes = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        packed.extend_from_slice(&bytes);
    }
    Ok(packed)
}

/// Whether a stranger, of whom no policy speaks, may be at the other end: a pod
/// without labels in a namespace without any, or an external address; on a port of
/// which no policy speaks either.
fn openness<'i>(image: &'i netpolicy::Image<'i>, pod: PodRef<'i>) -> Openness {
    const PROBES: [(Protocol, u16); 2] = [(Protocol::TCP, 1), (Protocol::ICMP, 0)];
    let stranger = Pod::default();
    let pod = Endpoint::Pod(pod);
    let outside = Endpoint::Address(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 254)));
    let outside_v6 = Endpoint::Address(IpAddr::V6(Ipv6Addr::new(
        0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xfe,
    )));
    let is_open = |from, to, direction| {
        image.pairs(from, to).all(|pair| {
            PROBES.iter().all(|(protocol, port)| {
                let explanation = pair.explain(*protocol, *port);
                let side = match direction {
                    Direction::Egress => explanation.egress(),
                    Direction::Ingress => explanation.ingress(),
                };
                matches!(
                    side.reason(),
                    Reason::NoPolicySelects | Reason::NoRuleMatches | Reason::NotAPod
                )
            })
        })
    };
    let (to, from) = (
        |other| is_open(pod, other, Direction::Egress),
        |other| is_open(other, pod, Direction::Ingress),
    );
    Openness {
        to_pods: to(Endpoint::Described(&stranger)),
        to_outside: to(outside) && to(outside_v6),
        from_pods: from(Endpoint::Described(&stranger)),
        from_outside: from(outside) && from(outside_v6),
    }
}

#[wasm_bindgen]
impl Image {
    /// Opens an image from bytes that nobody vouches for; everything is checked.
    ///
    /// Throws an `Error` that says what is wrong with them.
    pub fn open(bytes: Vec<u8>) -> Result<Image, Thrown> {
        ImageBuf::open(bytes).map(Image::from).map_err(error)
    }

    /// The bytes, to keep or to send. Other programs with netpolicy open them too.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.image.as_bytes().to_vec()
    }

    /// May this connection pass? Where an end stands for several pods or addresses:
    /// may it pass between all of them?
    ///
    /// Throws an `Error` for an end that does not exist.
    pub fn verdict(&self, question: Question) -> Result<VerdictObject, Thrown> {
        let question = endpoint::Question::read(question.into())?;
        let (mut egress, mut ingress) = (true, true);
        question.each_outcome(&self.image.image(), |verdict, _, _, _| {
            egress &= verdict.egress();
            ingress &= verdict.ingress();
            Ok(())
        })?;
        let verdict = to_js(&Verdict {
            allowed: egress && ingress,
            egress,
            ingress,
        })?;
        Ok(verdict.unchecked_into())
    }

    /// The verdicts of many connections, a byte each: bit 0 is set if egress allows,
    /// bit 1 if ingress does, so 3 is an allowed connection.
    ///
    /// `sources` and `destinations` have 16 bytes for each connection (see
    /// `packAddresses`), `protocols` and `ports` one element. Throws an `Error` if
    /// they disagree about how many connections there are.
    pub fn verdicts(
        &self,
        sources: &[u8],
        destinations: &[u8],
        protocols: &[u8],
        ports: &[u16],
    ) -> Result<Vec<u8>, Thrown> {
        let count = ports.len();
        let (sources, sources_rest) = sources.as_chunks::<ADDRESS_BYTES>();
        let (destinations, destinations_rest) = destinations.as_chunks::<ADDRESS_BYTES>();
        let counts = [sources.len(), destinations.len(), protocols.len()];
        let rests = sources_rest.len() + destinations_rest.len();
        if rests != 0 || counts.iter().any(|other| *other != count) {
            return Err(error(format!(
                "{count} ports need {count} protocols and {} bytes of sources and of destinations",
                count * ADDRESS_BYTES
            )));
        }
        let image = self.image.image();
        let address = |bytes: &[u8; ADDRESS_BYTES]| IpAddr::V6(Ipv6Addr::from(*bytes));
        let ends = sources.iter().zip(destinations);
        let verdicts = ends.zip(protocols.iter().zip(ports)).map(
            |((source, destination), (protocol, port))| {
                let protocol = Protocol(*protocol);
                let verdict = image.verdict(address(source), address(destination), protocol, *port);
                u8::from(verdict.egress()) | u8::from(verdict.ingress()) << 1
            },
        );
        Ok(verdicts.collect())
    }

    /// Why a connection may pass, or may not. Where an end stands for several pods or
    /// addresses that are treated differently, there is an explanation for each
    /// different verdict; denials come first.
    ///
    /// Throws an `Error` for an end that does not exist.
    pub fn explain(&self, question: Question) -> Result<Explanations, Thrown> {
        let question = endpoint::Question::read(question.into())?;
        let mut explained = Vec::new();
        question.each_outcome(&self.image.image(), |verdict, pair, protocol, port| {
            let explanation: Explanation<'_> = pair.explain(protocol, port);
            explained.push((verdict, to_js(&explanation)?));
            Ok(())
        })?;
        explained.sort_by_key(|(verdict, _)| verdict.is_allowed());
        let explanations: js_sys::Array = explained.into_iter().map(|(_, value)| value).collect();
        Ok(explanations.unchecked_into())
    }

    /// Warnings about what is valid, and yet perhaps not meant: selectors that select
    /// nothing, policies of one priority that conflict, ports that no pod names.
    pub fn check(&self) -> Result<Diagnostics, Thrown> {
        let diagnostics = netpolicy::check::check(&self.image.image());
        Ok(to_js(&diagnostics)?.unchecked_into())
    }

    /// All pods, by namespace and name.
    pub fn pods(&self) -> Result<PodInfos, Thrown> {
        let image = self.image.image();
        let workload = |(kind, name)| WorkloadInfo { kind, name };
        // Pods that no policy can tell apart are open alike.
        let mut by_class = HashMap::new();
        let mut openness_of = |pod: PodRef<'_>| {
            let families: Vec<_> = pod.addresses().map(Family::of).collect();
            let kind = (pod.class(), families);
            *by_class
                .entry(kind)
                .or_insert_with(|| openness(&image, pod))
        };
        let pods: Vec<_> = image
            .pods()
            .map(|pod| PodInfo {
                namespace: pod.namespace(),
                name: pod.name(),
                workload: pod.workload().map(workload),
                addresses: pod.addresses().collect(),
                open: openness_of(pod),
            })
            .collect();
        Ok(to_js(&pods)?.unchecked_into())
    }

    /// All policies, in the order of decision.
    pub fn policies(&self) -> Result<Policies, Thrown> {
        let image = self.image.image();
        let policies: Vec<_> = image
            .policies()
            .map(|policy| PolicyInfo {
                policy,
                selected_pods: policy.selected_pods(),
            })
            .collect();
        Ok(to_js(&policies)?.unchecked_into())
    }
}
