//! What the tests of netpolicy share.

pub mod findings;
pub mod histories;
pub mod oracle;
pub mod samples;
pub mod worlds;
