use netpolicy::manifest::Loader;
use netpolicy::model::*;
use netpolicy::reach::Reachability;
#[test]
fn dbg() {
    let mut loader = Loader::default();
    loader.read_text(
        "w.yaml",
        &std::fs::read_to_string("/tmp/insdbg/w.json").unwrap(),
    );
    let c = loader.finish().cluster;
    for budget in [1 << 26, 0] {
        let (image, r) = c
            .compile(&Options {
                table_budget: budget,
                isolation: IsolationScope::EitherDirection,
                own_node_egress: OwnNode::Allowed,
                ..Options::default()
            })
            .unwrap();
        println!("{r:?}");
        let im = image.image();
        println!(
            "{:#}",
            im.explain(&netpolicy::Connection {
                source: "10.0.0.15".parse().unwrap(),
                destination: "0.0.0.0".parse().unwrap(),
                protocol: netpolicy::Protocol::TCP,
                port: 0
            })
        );
        for row in Reachability::new(&image.image()).rows() {
            println!("{row}");
        }
    }
}
