//! Pods around a router.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::namespace::{Namespace, run};

/// A pod of the network.
#[derive(Debug)]
pub struct Host {
    /// Where it lives.
    pub namespace: Namespace,
    /// Its IPv4 address.
    pub v4: Ipv4Addr,
    /// Its IPv6 address.
    pub v6: Ipv6Addr,
}

impl Host {
    /// Both addresses.
    #[must_use]
    pub fn addresses(&self) -> [IpAddr; 2] {
        [self.v4.into(), self.v6.into()]
    }
}

/// Hosts around a router that forwards between them.
#[derive(Debug)]
pub struct Network {
    /// Where packets are forwarded.
    pub router: Namespace,
    hosts: Vec<(&'static str, Host)>,
}

impl Network {
    /// Makes the network of `examples/wordpress`: its four pods, and a host outside.
    ///
    /// # Errors
    /// What cannot be made here.
    pub fn wordpress(id: &str) -> Result<Network> {
        let mut network = Network::new(id)?;
        for (name, v4, v6) in [
            ("wordpress", "10.244.1.10", "fd00:244:1::10"),
            ("mysql", "10.244.1.11", "fd00:244:1::11"),
            ("batch", "10.244.1.12", "fd00:244:1::12"),
            ("coredns", "10.244.1.53", "fd00:244:1::53"),
            ("outside", "203.0.113.7", "2001:db8::7"),
        ] {
            network.add(id, name, v4.parse()?, v6.parse()?)?;
        }
        Ok(network)
    }

    /// A router without hosts.
    ///
    /// # Errors
    /// What cannot be made here.
    pub fn new(id: &str) -> Result<Network> {
        let router = Namespace::new(&format!("np-{id}-router"))?;
        router.enter(|| {
            for file in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
                let path = format!("/proc/sys/net/{file}");
                fs::write(&path, "1").with_context(|| format!("cannot write {path}"))?;
            }
            anyhow::Ok(())
        })?;
        Ok(Network {
            router,
            hosts: Vec::new(),
        })
    }

    /// Adds a host.
    ///
    /// # Errors
    /// What cannot be made here.
    pub fn add(&mut self, id: &str, name: &'static str, v4: Ipv4Addr, v6: Ipv6Addr) -> Result<()> {
        let namespace = Namespace::new(&format!("np-{id}-{name}"))?;
        let link = format!("v-{name}");
        let peer = namespace.name().to_owned();
        let router = &self.router;
        router.ip(&format!(
            "link add {link} type veth peer name eth0 netns {peer}"
        ))?;
        router.ip(&format!("link set {link} up"))?;
        namespace.ip("link set eth0 up")?;
        namespace.ip(&format!("address add {v4}/32 dev eth0"))?;
        namespace.ip(&format!("address add {v6}/128 dev eth0 nodad"))?;
        // The router has the same address on each of its links.
        router.ip(&format!("address add 169.254.1.1/32 dev {link}"))?;
        router.ip(&format!("address add fe80::1/64 dev {link} nodad"))?;
        namespace.ip("route add 169.254.1.1 dev eth0 scope link")?;
        namespace.ip("route add default via 169.254.1.1 dev eth0")?;
        namespace.ip("-6 route add default via fe80::1 dev eth0")?;
        router.ip(&format!("route add {v4}/32 dev {link}"))?;
        router.ip(&format!("-6 route add {v6}/128 dev {link}"))?;
        let host = Host { namespace, v4, v6 };
        self.hosts.push((name, host));
        Ok(())
    }

    /// Sends first packets to the queues, as the daemon's `rules.sh` does.
    ///
    /// # Errors
    /// What iptables says.
    pub fn queue_connections(&self, queues: &str) -> Result<()> {
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ffi/examples/nfqueue/rules.sh");
        let output = Command::new("ip")
            .args(["netns", "exec", self.router.name()])
            .arg(script)
            .arg(queues)
            .output()?;
        if !output.status.success() {
            bail!(
                "the kernel or iptables lacks NFQUEUE, connmark or mark: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    /// Sends every packet to the queues, not only first ones: for measurements.
    ///
    /// # Errors
    /// What iptables says.
    pub fn queue_packets(&self, queues: &str) -> Result<()> {
        let rule =
            format!("--table mangle --append FORWARD --jump NFQUEUE --queue-balance {queues}");
        self.tables("iptables", &rule)
    }

    /// Adds a rule to the router, for both families.
    ///
    /// # Errors
    /// What iptables says.
    pub fn rule(&self, rule: &str) -> Result<()> {
        self.tables("iptables", rule)?;
        self.tables("ip6tables", rule)
    }

    fn tables(&self, family: &str, rule: &str) -> Result<()> {
        let router = self.router.name();
        let tables = |program: &str| run("ip", &format!("netns exec {router} {program} {rule}"));
        tables(family).or_else(|_| tables(&format!("{family}-legacy")))
    }

    /// The host of that name.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn host(&self, name: &str) -> &Host {
        let found = self.hosts.iter().find(|(known, _)| *known == name);
        &found.unwrap_or_else(|| panic!("no host {name}")).1
    }
}
