use super::*;

fn flows(text: &str, format: Option<FlowFormat>) -> Vec<String> {
    lines_of(&read_text("test", &mut text.as_bytes(), format).unwrap())
}

fn problems(text: &[u8]) -> Vec<String> {
    read_text("test", &mut &text[..], None).unwrap().problems
}

fn lines_of(flows: &Flows) -> Vec<String> {
    let end = |id: EndId| flows.ends[id.0 as usize].to_string();
    let mut lines: Vec<String> = flows
        .all
        .iter()
        .map(|flow| {
            format!(
                "{} -> {} {} {} x{}{}",
                end(flow.source),
                end(flow.destination),
                flow.protocol,
                flow.port,
                flow.count,
                match flow.seen {
                    Seen::Passed => "",
                    Seen::Denied => " denied",
                }
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
            "10.0.0.3 -> 10.0.0.1 UDP 53 x1 denied",
            "web/front-1 -> 10.0.0.2 TCP 80 x1",
            "2 skipped, 0 unreadable",
        ]
    );
}

#[test]
fn verdicts_of_hubble() {
    let flow = |verdict: &str, port: u16| {
        format!(
            r#"{{"flow":{{"verdict":"{verdict}","IP":{{"source":"10.0.0.1","destination":"10.0.0.2"}},"l4":{{"TCP":{{"destination_port":{port}}}}}}}}}"#
        )
    };
    let verdicts = ["FORWARDED", "AUDIT", "REDIRECTED", "DROPPED", "TRACED"];
    let text: Vec<String> = verdicts
        .iter()
        .zip(80..)
        .map(|(v, port)| flow(v, port))
        .collect();
    let expected = [
        "10.0.0.1 -> 10.0.0.2 TCP 80 x1",
        "10.0.0.1 -> 10.0.0.2 TCP 81 x1",
        "10.0.0.1 -> 10.0.0.2 TCP 82 x1",
        "10.0.0.1 -> 10.0.0.2 TCP 83 x1 denied",
        "1 skipped, 0 unreadable",
    ];
    assert_eq!(flows(&text.join("\n"), None), expected);
    // In an array, on one line or on several.
    assert_eq!(flows(&format!("[{}]", text.join(",")), None), expected);
    assert_eq!(
        flows(&format!("[\n{}\n]\n", text.join(",\n")), None),
        expected
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
        [
            "10.0.0.1 -> 10.0.0.2 TCP 443 x1",
            "10.0.0.3 -> 10.0.0.2 TCP 22 x1 denied",
            "3 skipped, 0 unreadable",
        ]
    );
}

#[test]
fn vpc_flags_of_tcp_and_addresses_of_packets() {
    let text = "srcaddr dstaddr srcport dstport protocol action tcp-flags pkt-srcaddr pkt-dstaddr
10.0.0.1 10.0.0.2 45000 50051 6 ACCEPT 2 - -
10.0.0.2 10.0.0.1 50051 45000 6 ACCEPT 18 - -
10.0.0.1 10.0.0.2 20000 50051 6 ACCEPT 3 - -
10.0.0.2 10.0.0.1 50051 20000 6 ACCEPT 19 - -
10.0.0.9 10.0.0.8 45000 80 6 ACCEPT 0 10.1.0.1 10.1.0.2
";
    assert_eq!(
        flows(text, None),
        [
            "10.0.0.1 -> 10.0.0.2 TCP 50051 x2",
            "10.1.0.1 -> 10.1.0.2 TCP 80 x1",
            "3 skipped, 0 unreadable",
        ]
    );
}

#[test]
fn vpc_directions_without_flags() {
    // The server's port is that to which several come, then the lower one; a record
    // before is no evidence where there is better.
    let text = "srcaddr dstaddr srcport dstport protocol action start
10.0.0.2 10.0.0.1 50051 40000 6 ACCEPT 1
10.0.0.1 10.0.0.2 40000 50051 6 ACCEPT 2
10.0.0.3 10.0.0.2 40001 50051 6 ACCEPT 2
10.0.0.5 10.0.0.4 8080 9000 17 ACCEPT 8
10.0.0.4 10.0.0.5 9000 8080 17 ACCEPT 7
10.0.0.6 10.0.0.7 443 51000 6 ACCEPT 1
";
    assert_eq!(
        flows(text, None),
        [
            "10.0.0.1 -> 10.0.0.2 TCP 50051 x1",
            "10.0.0.3 -> 10.0.0.2 TCP 50051 x1",
            "10.0.0.4 -> 10.0.0.5 UDP 8080 x1",
            "4 skipped, 0 unreadable",
        ]
    );
}

#[test]
fn what_is_no_record_of_flows() {
    let error = read_text("test", &mut "hello\n".as_bytes(), None);
    assert!(error.err().unwrap().to_string().contains("--format"));
}

#[test]
fn problems_are_where_editors_show_them() {
    let expected = [
        "test:4: \"99999\" is no port",
        "test:5: \"x\" is neither an address nor namespace/name",
    ];
    let text = "source,destination,protocol,port\n\n10.0.0.1,10.0.0.2,tcp,80\n\
                10.0.0.1,10.0.0.2,udp,99999\n10.0.0.1,x,udp,99\n";
    assert_eq!(problems(text.as_bytes()), expected);
    let crlf = text.replace('\n', "\r\n");
    assert_eq!(problems(crlf.as_bytes()), expected);
    // The last line need not end, and the first may say that it is Unicode.
    let bom = format!("\u{feff}{}", text.trim_end());
    assert_eq!(problems(bom.as_bytes()), expected);
}

#[test]
fn what_is_no_text_is_one_record() {
    let csv = b"source,destination,port\n10.0.0.1,\xff,80\n10.0.0.1,10.0.0.2,80\n";
    let json = b"{\"source\": \"\xff\"}\n\
                 {\"source\": \"10.0.0.1\", \"destination\": \"10.0.0.2\", \"port\": 80}\n";
    for text in [&csv[..], &json[..]] {
        let flows = read_text("test", &mut &text[..], None).unwrap();
        assert_eq!(
            lines_of(&flows),
            ["10.0.0.1 -> 10.0.0.2 TCP 80 x1", "0 skipped, 1 unreadable"]
        );
    }
}

#[test]
fn port_0_is_no_port() {
    let texts = [
        "source,destination,port\n10.0.0.1,10.0.0.2,0\n",
        "{\"source\": \"10.0.0.1\", \"destination\": \"10.0.0.2\", \"port\": 0}\n",
        "{\"IP\":{\"source\":\"10.0.0.1\",\"destination\":\"10.0.0.2\"},\"l4\":{\"UDP\":{\"destination_port\":0}}}",
        "tcp 6 1 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=0",
        "srcaddr dstaddr protocol srcport dstport\n10.0.0.1 10.0.0.2 6 1 0\n",
    ];
    for text in texts {
        let flows = read_text("test", &mut text.as_bytes(), None).unwrap();
        assert_eq!((flows.all.len(), flows.unreadable), (0, 1), "{text}");
    }
}

#[test]
fn counts_stop_at_the_largest() {
    let text = "source,destination,port,count\n10.0.0.1,10.0.0.2,80,18446744073709551615\n\
                10.0.0.1,10.0.0.2,80,2\n10.0.0.1,10.0.0.2,81,2\n";
    let flows = read_text("test", &mut text.as_bytes(), None).unwrap();
    assert_eq!(flows.all[0].count, u64::MAX);
    assert_eq!(flows.count(Seen::Passed), u64::MAX);
}

#[test]
fn numbers_and_nulls_of_json() {
    let text = "{\"source\": \"10.0.0.1\", \"destination\": \"10.0.0.2\", \"protocol\": null, \"port\": 80.0, \"count\": 2.0}\n\
                {\"source\": \"10.0.0.1\", \"destination\": \"10.0.0.2\", \"port\": 80.5}\n\
                {\"source\": null, \"destination\": \"10.0.0.2\", \"port\": 80}\n[1]\n";
    assert_eq!(
        flows(text, None),
        ["10.0.0.1 -> 10.0.0.2 TCP 80 x2", "0 skipped, 3 unreadable"]
    );
}

#[test]
fn columns_parted_by_semicolons_or_tabs() {
    for delimiter in [";", "\t"] {
        let text = "source,destination,port\n10.0.0.1,\"10.0.0.2\",80\n".replace(',', delimiter);
        assert_eq!(flows(&text, None), ["10.0.0.1 -> 10.0.0.2 TCP 80 x1"]);
    }
}

#[test]
fn conntrack_may_begin_with_its_version() {
    let text = "conntrack v1.4.6 (conntrack-tools): 1 flow entries have been shown.\n\
                tcp 6 1 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=80\n";
    assert_eq!(
        flows(text, None),
        ["10.0.0.1 -> 10.0.0.2 TCP 80 x1", "1 skipped, 0 unreadable"]
    );
}
