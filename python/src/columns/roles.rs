//! Which column is what.

use std::net::IpAddr;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::Schema;
use netpolicy::Protocol;
use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::Asked;
use super::cells::{self, Cells, Column};
use crate::errors::invalid;
use crate::question::protocol;

/// A column by its index, or one value for all rows.
#[derive(Clone, Copy)]
enum Role<T> {
    Column(usize),
    Always(T),
}

/// Where the four parts of a question are.
pub(super) struct Roles {
    source: usize,
    destination: usize,
    protocol: Role<Protocol>,
    port: Role<u16>,
}

/// The columns of some rows.
pub(super) struct Rows<'a> {
    pub(super) source: Box<dyn Cells<IpAddr> + 'a>,
    pub(super) destination: Box<dyn Cells<IpAddr> + 'a>,
    pub(super) protocol: Box<dyn Cells<Protocol> + 'a>,
    pub(super) port: Box<dyn Cells<u16> + 'a>,
}

/// One value in every row.
struct Always<T>(T);

impl<T: Copy> Cells<T> for Always<T> {
    fn read(&self, _first: usize, out: &mut [Option<T>]) {
        out.fill(Some(self.0));
    }
}

impl Roles {
    pub(super) fn new(schema: &Schema, asked: &Asked<'_, '_>) -> PyResult<Roles> {
        let roles = Roles {
            source: column("source", schema, asked.source)?,
            destination: column("destination", schema, asked.destination)?,
            protocol: protocol_role(schema, asked.protocol)?,
            port: port_role(schema, asked.port)?,
        };
        // Types are a matter of the whole column: told before any row is read.
        roles.rows(&RecordBatch::new_empty(schema.clone().into()))?;
        Ok(roles)
    }

    /// Reads the columns of a batch of the schema.
    pub(super) fn rows<'a>(&self, batch: &'a RecordBatch) -> PyResult<Rows<'a>> {
        let role = |column: &usize| Role::Column(*column);
        Ok(Rows {
            source: open::<IpAddr>(batch, role(&self.source), cells::addresses, ADDRESSES)?,
            destination: open(batch, role(&self.destination), cells::addresses, ADDRESSES)?,
            protocol: open(batch, self.protocol, cells::protocols, PROTOCOLS)?,
            port: open(batch, self.port, cells::ports, PORTS)?,
        })
    }
}

const ADDRESSES: &str =
    "addresses are text, integers (IPv4) or binary of 4 or 16 bytes, or a dictionary of those";
const PROTOCOLS: &str = "protocols are text or integers, or a dictionary of those";
const PORTS: &str = "ports are integers or text, or a dictionary of those";

fn open<'a, T: Copy + 'a>(
    batch: &'a RecordBatch,
    role: Role<T>,
    cells: fn(&'a ArrayRef) -> Column<'a, T>,
    expected: &str,
) -> PyResult<Box<dyn Cells<T> + 'a>> {
    let index = match role {
        Role::Always(value) => return Ok(Box::new(Always(value))),
        Role::Column(index) => index,
    };
    let array = batch.column(index);
    cells(array).ok_or_else(|| {
        let name = batch.schema_ref().field(index).name().clone();
        PyTypeError::new_err(format!(
            "column {name:?} is {}: {expected}",
            array.data_type()
        ))
    })
}

/// The index of a column that has to be there.
fn column(argument: &str, schema: &Schema, name: &str) -> PyResult<usize> {
    let named = schema.fields().iter().filter(|field| field.name() == name);
    let columns = named.count();
    if columns > 1 {
        return Err(invalid(format!(
            "there are {columns} columns {name:?}: rename all but one"
        )));
    }
    schema.index_of(name).map_err(|_| {
        let names: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        PyKeyError::new_err(format!(
            "there is no column {name:?}: say with {argument}= which it is; there are {}",
            names.join(", ")
        ))
    })
}

fn protocol_role(schema: &Schema, given: Option<&Bound<'_, PyAny>>) -> PyResult<Role<Protocol>> {
    let Some(given) = given else {
        return column("protocol", schema, "protocol").map(Role::Column);
    };
    if let Ok(name) = given.cast::<PyString>() {
        let name = name.to_cow()?;
        return match (schema.index_of(&name), name.parse()) {
            (Ok(index), _) => Ok(Role::Column(index)),
            (Err(_), Ok(protocol)) => Ok(Role::Always(protocol)),
            (Err(_), Err(_)) => column("protocol", schema, &name).map(Role::Column),
        };
    }
    protocol(given).map(Role::Always)
}

fn port_role(schema: &Schema, given: Option<&Bound<'_, PyAny>>) -> PyResult<Role<u16>> {
    let Some(given) = given else {
        return column("port", schema, "port").map(Role::Column);
    };
    if let Ok(name) = given.cast::<PyString>() {
        return column("port", schema, &name.to_cow()?).map(Role::Column);
    }
    let number: i64 = given.extract()?;
    u16::try_from(number).map(Role::Always).map_err(|_| {
        invalid(format!(
            "port {number} is out of range: ports are 0 to 65535"
        ))
    })
}
