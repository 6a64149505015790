//! How fast netpolicy is, beside its rivals and beside the floor.
//!
//! [`world`] makes clusters and [`traffic`] makes connections, both from fixed
//! seeds. A [`contestant`] answers them, [`timing`] times it, and [`floor`] times
//! as many loads as a verdict makes and nothing else. What was measured is a
//! [`figure::Figure`].

pub mod addresses;
pub mod builds;
pub mod charts;
pub mod cold;
pub mod compiling;
pub mod contestant;
pub mod criterion;
pub mod figure;
pub mod floor;
pub mod goals;
pub mod kube;
pub mod page;
pub mod record;
pub mod rivals;
pub mod suite;
pub mod timing;
pub mod traffic;
pub mod updates;
pub mod verdicts;
pub mod world;
