use super::*;

fn flows(text: &str, format: Option<FlowFormat>) -> Vec<String> {
    let flows = read_text("test", &mut text.as_bytes(), format).unwrap();
    let end = |id: EndId| flows.ends.all()[id.0 as usize].to_string();
    let mut lines: Vec<String> = flows
        .all
        .iter()
        .map(|flow| {
            format!(
                "{} -> {} {} {} x{}",
                end(flow.source),
                end(flow.destination),
                flow.protocol,
                flow.port,
                flow.count
            )
        })
        .collect();
    lines.sort();
    if flows.skipped + flows.unreadable != 0 {
        lines.push(format!(
            "{} skipped, {} unreadable",
            flows.skipped, flows.unreadable
        ));
    }
    lines
}

#[test]
fn csv() {
    let text = "src,dst,proto,dport,count\n\
                10.0.0.1,10.0.0.2,TCP,80,3\n\
                10.0.0.1,10.0.0.2,tcp,80,\n\
                web/front,::ffff:10.0.0.2,17,53,1\n\
                10.0.0.1,10.0.0.2,ICMP,,1\n\
                10.0.0.1,nonsense,TCP,80,1\n";
    assert_eq!(
        flows(text, None),
        [
            "10.0.0.1 -> 10.0.0.2 ICMP 0 x1",
            "10.0.0.1 -> 10.0.0.2 TCP 80 x4",
            "web/front -> 10.0.0.2 UDP 53 x1",
            "0 skipped, 1 unreadable",
        ]
    );
}

#[test]
fn json_lines() {
    let text = "{\"source\": \"10.0.0.1\", \"destination\": \"web/db\", \"port\": 5432}\n\n\
                {\"from\": \"10.0.0.1\"}\n";
    assert_eq!(
        flows(text, None),
        ["10.0.0.1 -> web/db TCP 5432 x1", "0 skipped, 1 unreadable"]
    );
}

#[test]
fn hubble() {
    let text = r#"{"flow":{"verdict":"FORWARDED","IP":{"source":"10.0.0.1","destination":"10.0.0.2"},"l4":{"TCP":{"source_port":40000,"destination_port":80}},"source":{"namespace":"web","pod_name":"front-1"},"destination":{"identity":2},"is_reply":false}}
{"flow":{"verdict":"FORWARDED","IP":{"source":"10.0.0.2","destination":"10.0.0.1"},"l4":{"TCP":{"source_port":80,"destination_port":40000}},"is_reply":true}}
{"flow":{"verdict":"DROPPED","IP":{"source":"10.0.0.3","destination":"10.0.0.1"},"l4":{"UDP":{"destination_port":53}},"is_reply":false}}
{"flow":{"verdict":"FORWARDED","IP":{"source":"10.0.0.3","destination":"10.0.0.1"},"l4":{"ICMPv4":{"type":8}}}}
{"lost_events":{"num_events_lost":3}}
"#;
    assert_eq!(
        flows(text, None),
        [
            "10.0.0.3 -> 10.0.0.1 ICMP 0 x1",
            "web/front-1 -> 10.0.0.2 TCP 80 x1",
            "3 skipped, 0 unreadable",
        ]
    );
}

#[test]
fn conntrack() {
    let text = "tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.96.0.10 sport=40000 dport=80 src=10.0.0.9 dst=10.0.0.1 sport=8080 dport=40000 [ASSURED] mark=0 use=1
udp      17 29 src=10.0.0.1 dst=10.0.0.53 sport=4000 dport=53 [UNREPLIED] src=10.0.0.53 dst=10.0.0.1 sport=53 dport=4000 mark=0 use=1
ipv4     2 icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=1 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=1 mark=0
conntrack v1.4.6 (conntrack-tools): 3 flow entries have been shown.
";
    assert_eq!(
        flows(text, None),
        [
            "10.0.0.1 -> 10.0.0.2 ICMP 0 x1",
            "10.0.0.1 -> 10.0.0.53 UDP 53 x1",
            "10.0.0.1 -> 10.0.0.9 TCP 8080 x1",
            "1 skipped, 0 unreadable",
        ]
    );
}

#[test]
fn vpc_flow_logs() {
    let text = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
2 123456789010 eni-1 10.0.0.1 10.0.0.2 40000 443 6 20 4249 1418530010 1418530070 ACCEPT OK
2 123456789010 eni-1 10.0.0.2 10.0.0.1 443 40000 6 20 4249 1418530010 1418530070 ACCEPT OK
2 123456789010 eni-1 10.0.0.3 10.0.0.2 40000 22 6 20 4249 1418530010 1418530070 REJECT OK
2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - NODATA
";
    assert_eq!(
        flows(text, None),
        ["10.0.0.1 -> 10.0.0.2 TCP 443 x1", "4 skipped, 0 unreadable"]
    );
}

#[test]
fn what_is_no_record_of_flows() {
    let error = read_text("test", &mut "hello\n".as_bytes(), None);
    assert!(error.err().unwrap().to_string().contains("--format"));
}
