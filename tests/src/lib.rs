//! What the tests of netpolicy share.

pub mod oracle;
pub mod samples;
pub mod worlds;
