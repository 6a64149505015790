//! What the tests of netpolicy share.
