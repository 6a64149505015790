//! What is asked: two ends, a protocol and a port, as Python says them.

use std::net::IpAddr;

use netpolicy::Protocol;
use netpolicy::model::{Label, NamedPort, Pod};
use netpolicy_cli::endpoint::EndpointArgument;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::errors::invalid;

/// A connection to ask about.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) source: EndpointArgument,
    pub(crate) destination: EndpointArgument,
    pub(crate) protocol: Protocol,
    /// 0 where the protocol has none.
    pub(crate) port: u16,
}

impl Question {
    pub(crate) fn new(
        source: &Bound<'_, PyAny>,
        destination: &Bound<'_, PyAny>,
        port: Option<i64>,
        protocol: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Question> {
        let protocol = protocol.map_or(Ok(Protocol::TCP), self::protocol)?;
        let port = match port {
            Some(number) => u16::try_from(number).map_err(|_| {
                invalid(format!(
                    "port {number} is out of range: ports are 0 to 65535"
                ))
            })?,
            None if protocol.has_ports() => {
                return Err(invalid(format!(
                    "{protocol} needs a port: say which with port="
                )));
            }
            None => 0,
        };
        Ok(Question {
            source: endpoint(source)?,
            destination: endpoint(destination)?,
            protocol,
            port,
        })
    }
}

/// A protocol by name or number.
pub(crate) fn protocol(value: &Bound<'_, PyAny>) -> PyResult<Protocol> {
    if let Ok(name) = value.cast::<PyString>() {
        let name = name.to_cow()?;
        return name.parse().map_err(|_| {
            invalid(format!(
                "unknown protocol {name:?}: use TCP, UDP, SCTP, ICMP, ICMPv6, or a number from 0 to 255"
            ))
        });
    }
    let number: i64 = value
        .extract()
        .map_err(|_| PyTypeError::new_err("a protocol is a name or a number"))?;
    u8::try_from(number).map(Protocol).map_err(|_| {
        invalid(format!(
            "protocol {number} is out of range: protocols are 0 to 255"
        ))
    })
}

/// An end: text as the command reads it, an `ipaddress` object, or a [`WhatIfPod`].
fn endpoint(value: &Bound<'_, PyAny>) -> PyResult<EndpointArgument> {
    if let Ok(text) = value.cast::<PyString>() {
        return text.to_cow()?.parse().map_err(invalid);
    }
    if let Ok(pod) = value.cast::<WhatIfPod>() {
        return Ok(EndpointArgument::Described(Box::new(pod.get().pod.clone())));
    }
    let address: Result<IpAddr, _> = value.extract();
    address.map(EndpointArgument::Address).map_err(|_| {
        PyTypeError::new_err(format!(
            "an endpoint is text, an address or a Pod, not {}",
            value.get_type()
        ))
    })
}

/// A pod that need not exist: an end of a what-if question.
///
/// Its namespace, labels and named ports count, and its addresses if it has any;
/// without, rules that ask for addresses do not match it.
///
/// >>> pod = netpolicy.Pod("default", labels={"app": "wordpress", "tier": "frontend"})
/// >>> bool(image.verdict(pod, "default/mysql", port=3306))
/// True
///
/// ``ports`` maps names to numbers, or to text such as ``"53/UDP"``.
#[pyclass(module = "netpolicy", name = "Pod", frozen, eq)]
#[derive(PartialEq)]
pub(crate) struct WhatIfPod {
    pod: Pod<'static>,
}

#[pymethods]
impl WhatIfPod {
    #[new]
    #[pyo3(signature = (namespace, *, labels=None, ports=None, addresses=None, node=None, host_addresses=None))]
    fn new(
        namespace: String,
        labels: Option<&Bound<'_, PyDict>>,
        ports: Option<&Bound<'_, PyDict>>,
        addresses: Option<Vec<IpAddr>>,
        node: Option<String>,
        host_addresses: Option<Vec<IpAddr>>,
    ) -> PyResult<WhatIfPod> {
        if namespace.is_empty() || namespace.contains('/') {
            return Err(invalid(format!("{namespace:?} is no namespace")));
        }
        let mut label_list = Vec::new();
        for (key, value) in labels.into_iter().flatten() {
            label_list.push(Label::new(
                key.extract::<String>()?,
                value.extract::<String>()?,
            ));
        }
        let mut port_list = Vec::new();
        for (name, port) in ports.into_iter().flatten() {
            port_list.push(named_port(name.extract()?, &port)?);
        }
        let pod = Pod {
            namespace: namespace.into(),
            labels: label_list.into(),
            ports: port_list.into(),
            addresses: addresses.unwrap_or_default().into(),
            node_name: node.unwrap_or_default().into(),
            host_addresses: host_addresses.unwrap_or_default().into(),
            ..Pod::default()
        };
        Ok(WhatIfPod { pod })
    }

    /// The namespace.
    #[getter]
    fn namespace(&self) -> &str {
        &self.pod.namespace
    }

    /// The labels.
    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let labels = PyDict::new(py);
        for label in &self.pod.labels {
            labels.set_item(&*label.key, &*label.value)?;
        }
        Ok(labels)
    }

    /// Equal pods have equal ones.
    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.pod.namespace.hash(&mut hasher);
        for label in &self.pod.labels {
            (&*label.key, &*label.value).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// The arguments that make such a pod, for pickles.
    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<((&str,), Bound<'py, PyDict>)> {
        let pod = &self.pod;
        let arguments = PyDict::new(py);
        arguments.set_item("labels", self.labels(py)?)?;
        if !pod.ports.is_empty() {
            let ports = PyDict::new(py);
            for port in &pod.ports {
                ports.set_item(&*port.name, format!("{}/{}", port.number, port.protocol))?;
            }
            arguments.set_item("ports", ports)?;
        }
        for (name, addresses) in [
            ("addresses", &pod.addresses),
            ("host_addresses", &pod.host_addresses),
        ] {
            if !addresses.is_empty() {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                arguments.set_item(name, addresses)?;
            }
        }
        if !pod.node_name.is_empty() {
            arguments.set_item("node", &*pod.node_name)?;
        }
        Ok(((&pod.namespace,), arguments))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let ((namespace,), arguments) = self.__getnewargs_ex__(py)?;
        let mut text = format!("Pod({}", PyString::new(py, namespace).repr()?);
        for (name, value) in arguments {
            text += &format!(", {}={}", name.str()?, value.repr()?);
        }
        Ok(text + ")")
    }
}

/// `8080`, or `"53/UDP"`.
fn named_port(name: String, value: &Bound<'_, PyAny>) -> PyResult<NamedPort<'static>> {
    let text = value.str()?;
    let text = text.to_cow()?;
    let (number, protocol) = text.split_once('/').unwrap_or((&text, "TCP"));
    match (number.parse(), protocol.parse()) {
        (Ok(number @ 1..), Ok(protocol)) if Protocol::has_ports(protocol) => Ok(NamedPort {
            name: name.into(),
            protocol,
            number,
        }),
        _ => Err(invalid(format!(
            "port {name:?}: {text:?} is no port: write a number, or text such as \"53/UDP\""
        ))),
    }
}
