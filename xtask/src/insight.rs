//! The tests of what is open, what would change, what is wrong, what should be written.

use anyhow::Result;

use crate::run::{cargo, run};

/// Runs the tests of the engine, of its proofs, and of the commands.
pub(crate) fn test() -> Result<()> {
    let core = ["test", "--package", "netpolicy", "--features", "serde"];
    for module in ["reach", "lint"] {
        run(cargo(&core).args(["--lib", module]))?;
    }
    let suites = ["test", "--package", "netpolicy-tests"];
    run(cargo(&suites).args(["--test", "reach", "--test", "lint"]))?;
    let cli = ["test", "--package", "netpolicy-cli", "--lib"];
    let suites = ["np_guard", "insight", "flows"];
    run(cargo(&cli).args(suites.map(|suite| format!("--test={suite}"))))
}
