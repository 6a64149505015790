//! Records, and the page that is made from them.

use std::fs;

use netpolicy_benches::figure::Figure;
use netpolicy_benches::page;
use netpolicy_benches::record::{Header, Record};

fn record() -> Record {
    let ours = Figure::new("headline/zipf/dependent", 50.0, "ns");
    Record {
        header: Header {
            machine: "a (machine), 2 cores".to_owned(),
            ..Header::now("cargo xtask bench".to_owned())
        },
        figures: vec![
            ours.clone().beside("floor", 45.0),
            ours.versus("plain-rust", 4_000.0),
            Figure::new("headline/zipf/back-to-back", 20.0, "ns").beside("floor", 9.0),
            Figure::new("1k/10/dense/both/compile/time", 3.0, "ms"),
            Figure::new("1k/100/dense/both/compile/time", 4.0, "ms"),
        ],
    }
}

#[test]
fn a_record_becomes_a_page() {
    let folder = std::env::temp_dir().join(format!("netpolicy-page-{}", std::process::id()));
    let record = record();
    let path = record.save(&folder.join("record")).unwrap();
    assert!(path.starts_with(folder.join("record/a-machine-2-cores")));
    assert_eq!(Record::load(&path).unwrap(), record);

    page::write(&folder).unwrap();
    let page = fs::read_to_string(folder.join("RESULTS.md")).unwrap();
    for line in [
        "| dependent verdict, Zipf, beside the floor | at most 1.25 × | 1.11 × | reached |",
        "| back to back, Zipf | at most 12.00 ns | 20.00 ns | **missed** |",
        "| compile | at most 500 | not measured |  |",
        "`cargo run --release -p netpolicy-benches -- world 1k/10/dense/both`",
        "![Compiling over the number of policies (ms)](charts/policies-compile.svg)",
    ] {
        assert!(
            page.lines().any(|found| found == line),
            "{line} is not in\n{page}"
        );
    }
    let chart = fs::read_to_string(folder.join("charts/verdict-dependent.svg")).unwrap();
    assert!(chart.starts_with("<svg") && chart.contains("plain-rust"));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn figures_are_one_object() {
    let figure = Figure::new("a", 2.0, "ns").beside("b", 8.0);
    assert_eq!(
        serde_json::to_string(&figure).unwrap(),
        r#"{"name":"a","value":2.0,"unit":"ns","rival":"b","rival_value":8.0,"ratio":4.0}"#
    );
}
