//! The job: nothing here needs more than `core`.

use core::fmt::{self, Write};
use core::net::{IpAddr, Ipv4Addr};

use netpolicy::model::{
    Action, ClusterPolicy, ClusterPolicyApi, ClusterPolicyPeer, ClusterPolicyRule, IpBlock, Label,
    List, NamedPort, Namespace, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyRule, Node,
    Operator, Options, Pod, PodSelector, Port, PortRange, Priority, Requirement, Selector, Source,
    Text,
};
use netpolicy::{Cidr, Compiler, Endpoint, Image, Protocol};

/// The working memory that is lent.
pub const MEMORY: usize = 256 << 10;
/// The memory that is lent for the image.
pub const IMAGE: usize = 64 << 10;

/// Does the job; returns 0, or the number of the step that went wrong.
pub fn run(memory: &mut [u8], image: &mut [u8]) -> i32 {
    match try_run(memory, image) {
        Ok(()) => 0,
        Err(step) => step,
    }
}

const WEB: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const DATABASE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const NODE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 0, 1));
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

fn try_run(memory: &mut [u8], out: &mut [u8]) -> Result<(), i32> {
    let mut compiler = Compiler::new(memory, Options::default()).map_err(|_| 1)?;
    take_in(&mut compiler)?;
    let compiled = compiler.compile().map_err(|_| 2)?;
    let bytes = compiled.write(out).map_err(|_| 3)?;

    let image = Image::open(bytes).map_err(|_| 4)?;
    image.verify_checksum().map_err(|_| 5)?;
    let expected = [
        (WEB, DATABASE, Protocol::TCP, 5432, true),
        (WEB, DATABASE, Protocol::TCP, 5433, false),
        (WEB, DATABASE, Protocol::UDP, 5432, false),
        (OUTSIDE, DATABASE, Protocol::TCP, 5432, false),
        (OUTSIDE, WEB, Protocol::TCP, 443, true),
        (OUTSIDE, WEB, Protocol::ICMP, 0, false),
        (NODE, DATABASE, Protocol::TCP, 1, true),
        (WEB, OUTSIDE, Protocol::TCP, 25, false),
        (WEB, OUTSIDE, Protocol::TCP, 80, true),
        (WEB, WEB, Protocol::TCP, 1, true),
    ];
    for (source, destination, protocol, port, allowed) in expected {
        if image
            .verdict(source, destination, protocol, port)
            .is_allowed()
            != allowed
        {
            return Err(6);
        }
    }

    let (web, database) = (
        image.pod("shop", "web").ok_or(7)?,
        image.pod("shop", "db").ok_or(7)?,
    );
    let pairs = image.pairs(Endpoint::Pod(web), Endpoint::Pod(database));
    if pairs.count() != 1 {
        return Err(8);
    }
    let newcomer = Pod {
        namespace: Text::borrowed("elsewhere"),
        ..Pod::default()
    };
    let pair = image
        .pairs(Endpoint::Described(&newcomer), Endpoint::Pod(database))
        .next()
        .ok_or(9)?;
    let explanation = pair.explain(Protocol::TCP, 5432);
    let mut text = Line::default();
    write!(text, "{explanation}").map_err(|_| 10)?;
    let why = "deny a pod of elsewhere -> shop/db (10.0.0.2) TCP 5432: ingress denied: \
               shop/db (10.0.0.2) is isolated by NetworkPolicy shop/db \
               (ingress[0] matches the port but not the peer)";
    // What had to be assumed of a pod without an address follows.
    if text.as_str().starts_with(why) {
        Ok(())
    } else {
        Err(11)
    }
}

fn take_in(compiler: &mut Compiler<'_>) -> Result<(), i32> {
    let failed = |_| 20;
    let env = [Label::new("env", "prod")];
    let namespace = Namespace {
        name: "shop".into(),
        labels: List::borrowed(&env),
    };
    compiler.namespace(&namespace).map_err(failed)?;
    let addresses = [NODE];
    let node = Node {
        name: "worker".into(),
        labels: List::EMPTY,
        addresses: List::borrowed(&addresses),
    };
    compiler.node(&node).map_err(failed)?;
    for (name, address, port) in [("web", WEB, 8080), ("db", DATABASE, 5432)] {
        let labels = [Label::new("app", name)];
        let ports = [NamedPort {
            name: "main".into(),
            protocol: Protocol::TCP,
            number: port,
        }];
        let addresses = [address];
        let pod = Pod {
            namespace: "shop".into(),
            name: name.into(),
            labels: List::borrowed(&labels),
            addresses: List::borrowed(&addresses),
            node_name: "worker".into(),
            ports: List::borrowed(&ports),
            ..Pod::default()
        };
        compiler.pod(&pod).map_err(failed)?;
    }

    let web = [Label::new("app", "web")];
    let values = [Text::borrowed("prod")];
    let in_production = [Requirement::new("env", Operator::In, &values).map_err(|_| 21)?];
    let from_web = [NetworkPolicyPeer::Pods(PodSelector {
        namespaces: Selector {
            match_labels: List::EMPTY,
            match_expressions: List::borrowed(&in_production),
        },
        pods: Selector::labels(&web),
    })];
    let main_port = [Port::Named(Some(Protocol::TCP), "main".into())];
    let ingress = [NetworkPolicyRule {
        peers: List::borrowed(&from_web),
        ports: List::borrowed(&main_port),
        line: 0,
    }];
    let database = [Label::new("app", "db")];
    let policy = NetworkPolicy {
        namespace: "shop".into(),
        name: "db".into(),
        pod_selector: Selector::labels(&database),
        ingress: List::borrowed(&ingress),
        ..NetworkPolicy::default()
    };
    compiler.network_policy(&policy).map_err(failed)?;

    let everywhere = Cidr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0).map_err(|_| 22)?;
    let private = [Cidr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8).map_err(|_| 22)?];
    let internet = [NetworkPolicyPeer::IpBlock(
        IpBlock::new(everywhere, &private).map_err(|_| 23)?,
    )];
    let https = [Port::Range(
        Protocol::TCP,
        PortRange::single(443).map_err(|_| 24)?,
    )];
    let ingress = [NetworkPolicyRule {
        peers: List::borrowed(&internet),
        ports: List::borrowed(&https),
        line: 0,
    }];
    let policy = NetworkPolicy {
        namespace: "shop".into(),
        name: "web".into(),
        pod_selector: Selector::labels(&web),
        ingress: List::borrowed(&ingress),
        ..NetworkPolicy::default()
    };
    compiler.network_policy(&policy).map_err(failed)?;

    let all = [everywhere];
    let to_all = [ClusterPolicyPeer::Networks(List::borrowed(&all))];
    let smtp = [Port::Range(
        Protocol::TCP,
        PortRange::single(25).map_err(|_| 24)?,
    )];
    let egress = [ClusterPolicyRule {
        name: "no-mail".into(),
        action: Action::Deny,
        peers: List::borrowed(&to_all),
        ports: List::borrowed(&smtp),
        line: 0,
    }];
    let policy = ClusterPolicy {
        api: ClusterPolicyApi::ClusterNetworkPolicyAdmin,
        name: "no-mail".into(),
        priority: Priority::new(10).map_err(|_| 25)?,
        subject: PodSelector::default(),
        ingress: List::EMPTY,
        egress: List::borrowed(&egress),
        source: Source::default(),
    };
    compiler.cluster_policy(&policy).map_err(failed)
}

/// A line of text of limited length.
struct Line {
    bytes: [u8; 512],
    len: usize,
}

impl Default for Line {
    fn default() -> Line {
        Line {
            bytes: [0; 512],
            len: 0,
        }
    }
}

impl Line {
    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).unwrap_or("")
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes
            .get_mut(self.len..end)
            .ok_or(fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
