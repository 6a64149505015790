//! Columns of whatever type, read as what they mean. A cell that is null, or means
//! nothing, is `None`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayAccessor, ArrayRef};
use arrow_schema::DataType;
use netpolicy::Protocol;

/// A column that can be read as values of `T`.
pub(super) trait Cells<T> {
    /// Reads rows, from `first` on, as many as `out` has.
    fn read(&self, first: usize, out: &mut [Option<T>]);
}

/// A column, or `None` where its type cannot be one of `T`.
pub(super) type Column<'a, T> = Option<Box<dyn Cells<T> + 'a>>;

/// Values that are read one by one.
struct Mapped<A, F> {
    array: A,
    read: F,
}

impl<A, T, F> Cells<T> for Mapped<A, F>
where
    A: ArrayAccessor,
    F: Fn(A::Item) -> Option<T>,
{
    fn read(&self, first: usize, out: &mut [Option<T>]) {
        let rows = (first..).zip(out);
        match self.array.nulls() {
            None => rows.for_each(|(row, cell)| *cell = (self.read)(self.array.value(row))),
            Some(nulls) => rows.for_each(|(row, cell)| {
                *cell = if nulls.is_valid(row) {
                    (self.read)(self.array.value(row))
                } else {
                    None
                };
            }),
        }
    }
}

fn mapped<'a, A, T>(array: A, read: impl Fn(A::Item) -> Option<T> + 'a) -> Column<'a, T>
where
    A: ArrayAccessor + 'a,
    T: 'a,
{
    Some(Box::new(Mapped { array, read }))
}

/// A column of nulls.
struct Nothing;

impl<T> Cells<T> for Nothing {
    fn read(&self, _first: usize, out: &mut [Option<T>]) {
        out.fill_with(|| None);
    }
}

/// A dictionary whose values have been read.
struct Table<'a, T> {
    array: &'a dyn Array,
    keys: Vec<usize>,
    values: Vec<Option<T>>,
}

impl<T: Copy> Cells<T> for Table<'_, T> {
    fn read(&self, first: usize, out: &mut [Option<T>]) {
        for (row, cell) in (first..).zip(out) {
            *cell = if self.array.is_valid(row) {
                self.keys.get(row).and_then(|key| *self.values.get(*key)?)
            } else {
                None
            };
        }
    }
}

/// A dictionary with more values than there are rows: read as they are met.
struct Keyed<'a, T> {
    array: &'a dyn Array,
    keys: Vec<usize>,
    values: Box<dyn Cells<T> + 'a>,
}

impl<T> Cells<T> for Keyed<'_, T> {
    fn read(&self, first: usize, out: &mut [Option<T>]) {
        for (row, cell) in (first..).zip(out) {
            match self.keys.get(row) {
                Some(key) if self.array.is_valid(row) => {
                    self.values.read(*key, std::slice::from_mut(cell));
                }
                _ => *cell = None,
            }
        }
    }
}

fn dictionary<'a, T: Copy + 'a>(
    array: &'a ArrayRef,
    column: fn(&'a ArrayRef) -> Column<'a, T>,
) -> Column<'a, T> {
    let dictionary = array.as_any_dictionary_opt()?;
    let values = column(dictionary.values())?;
    let (len, array) = (dictionary.values().len(), dictionary.keys());
    if len == 0 {
        return Some(Box::new(Nothing));
    }
    let keys = dictionary.normalized_keys();
    if len > keys.len() {
        return Some(Box::new(Keyed {
            array,
            keys,
            values,
        }));
    }
    let mut read = vec![None; len];
    values.read(0, &mut read);
    Some(Box::new(Table {
        array,
        keys,
        values: read,
    }))
}

/// Text, of any layout.
fn text<'a, T: 'a>(array: &'a ArrayRef, read: impl Fn(&str) -> Option<T> + 'a) -> Column<'a, T> {
    match array.data_type() {
        DataType::Utf8 => mapped(array.as_string::<i32>(), read),
        DataType::LargeUtf8 => mapped(array.as_string::<i64>(), read),
        DataType::Utf8View => mapped(array.as_string_view(), read),
        _ => None,
    }
}

/// Whole numbers of any width; floating-point ones where they are whole, which is how
/// pandas writes integers beside nulls.
fn numbers<'a, N, T>(array: &'a ArrayRef, make: fn(N) -> T) -> Column<'a, T>
where
    N: TryFrom<i128> + 'a,
    T: 'a,
{
    macro_rules! integers {
        ($type:ty) => {
            mapped(array.as_primitive::<$type>(), move |number| {
                N::try_from(i128::from(number)).ok().map(make)
            })
        };
    }
    fn whole<T: TryFrom<i128>>(number: f64) -> Option<T> {
        // Far below where doubles no longer hold every integer.
        let is_whole = number.fract() == 0.0 && number.abs() < 1e15;
        is_whole.then(|| T::try_from(number as i128).ok())?
    }
    match array.data_type() {
        DataType::Int8 => integers!(Int8Type),
        DataType::Int16 => integers!(Int16Type),
        DataType::Int32 => integers!(Int32Type),
        DataType::Int64 => integers!(Int64Type),
        DataType::UInt8 => integers!(UInt8Type),
        DataType::UInt16 => integers!(UInt16Type),
        DataType::UInt32 => integers!(UInt32Type),
        DataType::UInt64 => integers!(UInt64Type),
        DataType::Float32 => mapped(array.as_primitive::<Float32Type>(), move |number| {
            whole(f64::from(number)).map(make)
        }),
        DataType::Float64 => mapped(array.as_primitive::<Float64Type>(), move |number| {
            whole(number).map(make)
        }),
        // What DuckDB makes of sums.
        DataType::Decimal128(_, 0) => {
            mapped(array.as_primitive::<Decimal128Type>(), move |number| {
                N::try_from(number).ok().map(make)
            })
        }
        DataType::Null => Some(Box::new(Nothing)),
        _ => None,
    }
}

/// Addresses: text; IPv4 as a number, the first byte the most significant; 4 or 16
/// bytes in network order.
pub(super) fn addresses(array: &ArrayRef) -> Column<'_, IpAddr> {
    fn bytes(bytes: &[u8]) -> Option<IpAddr> {
        if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
            return Some(v4.into());
        }
        Some(<[u8; 16]>::try_from(bytes).ok()?.into())
    }
    let v4 = |number: u32| IpAddr::V4(Ipv4Addr::from_bits(number));
    match array.data_type() {
        // What has no unsigned numbers (Spark, Parquet's plain INT32) stores the bits.
        DataType::Int32 => mapped(array.as_primitive::<Int32Type>(), move |number| {
            Some(v4(number.cast_unsigned()))
        }),
        DataType::FixedSizeBinary(4 | 16) => mapped(array.as_fixed_size_binary(), bytes),
        DataType::Binary => mapped(array.as_binary::<i32>(), bytes),
        DataType::LargeBinary => mapped(array.as_binary::<i64>(), bytes),
        DataType::BinaryView => mapped(array.as_binary_view(), bytes),
        DataType::Dictionary(_, _) => dictionary(array, addresses),
        _ => text(array, address).or_else(|| numbers(array, v4)),
    }
}

/// Text that is an address.
fn address(text: &str) -> Option<IpAddr> {
    // Two parsers: what has no colon is no IPv6.
    if text.as_bytes().contains(&b':') {
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

/// Protocols: names and numbers as text, or numbers.
pub(super) fn protocols(array: &ArrayRef) -> Column<'_, Protocol> {
    match array.data_type() {
        DataType::Dictionary(_, _) => dictionary(array, protocols),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            text(array, |text| text.parse().ok())
        }
        _ => numbers(array, Protocol),
    }
}

/// Ports: numbers, or numbers as text.
pub(super) fn ports(array: &ArrayRef) -> Column<'_, u16> {
    match array.data_type() {
        DataType::Dictionary(_, _) => dictionary(array, ports),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            text(array, |text| text.parse().ok())
        }
        _ => numbers(array, |port: u16| port),
    }
}
