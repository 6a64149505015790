//! What can reach what, as a table that can be drawn.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder, StructBuilder, UInt16Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Fields};
use netpolicy::Image;
use netpolicy::reach::{self, Difference, Peer, PortSet};
use pyo3::prelude::*;

use crate::cluster::count;
use crate::columns::arrow_error;
use crate::table::Table;

/// A row of a :class:`Reachability`: connections that pass for one reason.
#[pyclass(module = "netpolicy", frozen, get_all)]
#[derive(Clone)]
pub(crate) struct ReachabilityRow {
    /// Who opens the connections: ``namespace/name`` of a workload, ``nodes``,
    /// ``own node``, ``external``, or ranges of addresses.
    source: String,
    /// What that is: the kind of the workload, ``Nodes``, ``OwnNode`` or ``External``.
    source_kind: String,
    /// The pods that are meant, where policies tell pods of the workload apart.
    source_part: Option<String>,
    /// Who receives them.
    destination: String,
    /// What that is.
    destination_kind: String,
    /// The pods that are meant, where it is not all of them.
    destination_part: Option<String>,
    /// ``TCP``, ``UDP``, ``SCTP``, or ``other`` for all protocols without ports.
    protocol: String,
    /// The ports as text, such as ``80,443,8000-8999``, or ``all``.
    ports: String,
    /// The same as pairs of a first and a last port; empty for ``other``.
    port_ranges: Vec<(u16, u16)>,
    /// What lets the connections through, at either end.
    why: String,
}

#[pymethods]
impl ReachabilityRow {
    fn __str__(&self) -> String {
        format!(
            "{} -> {}: {} {}",
            self.source, self.destination, self.protocol, self.ports
        )
    }

    fn __repr__(&self) -> String {
        format!("<ReachabilityRow {}>", self.__str__())
    }
}

/// Everything that can reach anything: a :class:`Table` of exactly the connections that
/// pass, by workload, with what lets each through.
///
/// What no policy governs at either end is not listed, nor a pod with itself. In a
/// notebook it shows as a matrix.
///
/// >>> reachability = image.reachability()
/// >>> for row in reachability.rows:
/// ...     if row.destination == "default/mysql" and row.source_kind == "Pod":
/// ...         print(row)
/// default/wordpress -> default/mysql: TCP 3306
#[pyclass(module = "netpolicy", frozen, extends = Table)]
pub(crate) struct Reachability {
    rows: Vec<ReachabilityRow>,
}

/// An end of a row: its name, its kind, and the part that is meant.
fn end(peer: &Peer) -> (String, String, Option<String>) {
    match peer {
        Peer::Workload(workload) => {
            let parts: Vec<_> = workload.part.iter().map(ToString::to_string).collect();
            (
                format!("{}/{}", workload.namespace, workload.name),
                workload.kind.clone(),
                (!parts.is_empty()).then(|| parts.join(", ")),
            )
        }
        Peer::Nodes(_) => (peer.to_string(), "Nodes".to_owned(), None),
        Peer::OwnNode(_) => (peer.to_string(), "OwnNode".to_owned(), None),
        // Whatever else may come is somewhere outside.
        _ => (peer.to_string(), "External".to_owned(), None),
    }
}

/// The protocols of a set, each with its ports as text and as ranges.
fn protocols(ports: &PortSet) -> Vec<(String, String, Vec<(u16, u16)>)> {
    let mut found: Vec<(String, String, Vec<(u16, u16)>)> = Vec::new();
    for range in ports.ranges() {
        let Some(protocol) = range.protocol else {
            found.push(("other".to_owned(), "all".to_owned(), Vec::new()));
            continue;
        };
        let protocol = protocol.to_string();
        let pair = (range.first, range.last);
        match found.last_mut() {
            Some((last, text, ranges)) if *last == protocol => {
                *text += &format!(",{range}");
                ranges.push(pair);
            }
            _ if range.is_whole_protocol() => found.push((protocol, "all".to_owned(), vec![pair])),
            _ => found.push((protocol, range.to_string(), vec![pair])),
        }
    }
    found
}

fn rows(image: &Image<'_>) -> Vec<ReachabilityRow> {
    let mut rows = Vec::new();
    for row in reach::Reachability::new(image).rows() {
        let (source, source_kind, source_part) = end(row.source());
        let (destination, destination_kind, destination_part) = end(row.destination());
        for decision in row.decisions(image) {
            let [egress, ingress] = decision.explanation.directions();
            let why = format!("egress {egress}; ingress {ingress}");
            for (protocol, ports, port_ranges) in protocols(&decision.ports) {
                rows.push(ReachabilityRow {
                    source: source.clone(),
                    source_kind: source_kind.clone(),
                    source_part: source_part.clone(),
                    destination: destination.clone(),
                    destination_kind: destination_kind.clone(),
                    destination_part: destination_part.clone(),
                    protocol,
                    ports,
                    port_ranges,
                    why: why.clone(),
                });
            }
        }
    }
    rows
}

/// A column of text.
fn text<'a>(cells: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    let mut column = StringBuilder::new();
    cells.for_each(|cell| column.append_option(cell));
    Arc::new(column.finish())
}

/// A column of lists of `first` and `last`.
fn ranges<'a>(cells: impl Iterator<Item = &'a [(u16, u16)]>) -> ArrayRef {
    let fields = ["first", "last"].map(|name| Field::new(name, DataType::UInt16, false));
    let builders = [(); 2].map(|()| Box::new(UInt16Builder::new()) as _);
    let pairs = StructBuilder::new(Fields::from(fields.to_vec()), Vec::from(builders));
    let mut column = ListBuilder::new(pairs);
    for cell in cells {
        for (first, last) in cell {
            let pair = column.values();
            for (field, port) in [first, last].into_iter().enumerate() {
                if let Some(builder) = pair.field_builder::<UInt16Builder>(field) {
                    builder.append_value(*port);
                }
            }
            pair.append(true);
        }
        column.append(true);
    }
    Arc::new(column.finish())
}

impl Reachability {
    pub(crate) fn new<'py>(
        py: Python<'py>,
        image: &Image<'_>,
    ) -> PyResult<Bound<'py, Reachability>> {
        let rows = py.detach(|| rows(image));
        let column =
            |cell: fn(&ReachabilityRow) -> &str| text(rows.iter().map(|row| Some(cell(row))));
        let columns = [
            ("source", column(|row| &row.source)),
            ("source_kind", column(|row| &row.source_kind)),
            (
                "source_part",
                text(rows.iter().map(|row| row.source_part.as_deref())),
            ),
            ("destination", column(|row| &row.destination)),
            ("destination_kind", column(|row| &row.destination_kind)),
            (
                "destination_part",
                text(rows.iter().map(|row| row.destination_part.as_deref())),
            ),
            ("protocol", column(|row| &row.protocol)),
            ("ports", column(|row| &row.ports)),
            (
                "port_ranges",
                ranges(rows.iter().map(|row| row.port_ranges.as_slice())),
            ),
            ("why", column(|row| &row.why)),
        ];
        let batch = RecordBatch::try_from_iter(columns).map_err(arrow_error)?;
        let table = PyClassInitializer::from(Table::of(batch));
        Bound::new(py, table.add_subclass(Reachability { rows }))
    }
}

/// Calls a function of `netpolicy._reachability`.
fn draw<'py>(
    slf: &Bound<'py, Reachability>,
    function: &str,
    arguments: impl pyo3::call::PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let module = slf.py().import("netpolicy._reachability")?;
    module.call_method1(function, arguments)
}

#[pymethods]
impl Reachability {
    /// The rows, as objects.
    #[getter]
    fn rows(&self) -> Vec<ReachabilityRow> {
        self.rows.clone()
    }

    /// As a ``networkx.DiGraph``: a node for each workload, for ``nodes`` and for each
    /// range of addresses; an edge has ``ports``, a list of text such as ``TCP 80,443``,
    /// and ``why``, a list of sentences.
    fn to_networkx<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        draw(slf, "to_networkx", (slf.get().rows.clone(),))
    }

    /// Draws a heat map with matplotlib: who (down) reaches whom (across). ``by`` is
    /// ``"workload"`` or ``"namespace"``; returns the axes.
    #[pyo3(signature = (ax=None, *, by="workload"))]
    fn draw_matrix<'py>(
        slf: &Bound<'py, Self>,
        ax: Option<Bound<'py, PyAny>>,
        by: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        draw(slf, "draw_matrix", (slf.get().rows.clone(), ax, by))
    }

    /// Draws a graph with matplotlib and `NetworkX`. ``by`` is ``"workload"`` or
    /// ``"namespace"``; returns the axes.
    #[pyo3(signature = (ax=None, *, by="workload"))]
    fn draw_graph<'py>(
        slf: &Bound<'py, Self>,
        ax: Option<Bound<'py, PyAny>>,
        by: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        draw(slf, "draw_graph", (slf.get().rows.clone(), ax, by))
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        draw(slf, "to_html", (slf.get().rows.clone(),))
    }

    fn __repr__(&self) -> String {
        format!("<Reachability {}>", count(self.rows.len(), "row", "rows"))
    }
}

/// What two images answer differently: a table.
pub(crate) fn difference(py: Python<'_>, before: &Image<'_>, after: &Image<'_>) -> PyResult<Table> {
    let changes = py.detach(|| Difference::between(before, after).changes);
    let columns = [
        "source",
        "source_kind",
        "source_part",
        "destination",
        "destination_kind",
        "destination_part",
        "added",
        "removed",
    ];
    let mut builders: Vec<StringBuilder> = columns.iter().map(|_| StringBuilder::new()).collect();
    for change in &changes {
        let (source, source_kind, source_part) = end(&change.source);
        let (destination, destination_kind, destination_part) = end(&change.destination);
        let ports = |ports: &PortSet| (!ports.is_empty()).then(|| ports.to_string());
        let cells = [
            Some(source),
            Some(source_kind),
            source_part,
            Some(destination),
            Some(destination_kind),
            destination_part,
            ports(&change.added),
            ports(&change.removed),
        ];
        for (builder, cell) in builders.iter_mut().zip(cells) {
            builder.append_option(cell);
        }
    }
    let arrays = builders
        .iter_mut()
        .map(|builder| Arc::new(builder.finish()) as ArrayRef);
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .zip(arrays)
            .map(|(name, array)| (name, array, true)),
    );
    batch.map(Table::of).map_err(arrow_error)
}
