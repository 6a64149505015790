//! Images: round trips, and bytes that nobody vouches for.

use std::net::IpAddr;

use netpolicy::{Connection, Endpoint, Image, ImageBuf, OpenError, Protocol};
use netpolicy_tests::samples;

/// Addresses of every sort, and ports.
fn questions(image: &Image<'_>) -> Vec<Connection> {
    let mut addresses: Vec<IpAddr> = image.pods().flat_map(|pod| pod.addresses()).collect();
    addresses.extend(
        [
            "203.0.113.7",
            "0.0.0.0",
            "255.255.255.255",
            "2001:db8::7",
            "::",
            "fd00::1",
        ]
        .map(|text| text.parse::<IpAddr>().unwrap()),
    );
    let ports = [
        (Protocol::TCP, 80),
        (Protocol::UDP, 53),
        (Protocol::SCTP, 65_535),
        (Protocol::ICMP, 0),
    ];
    let mut questions = Vec::new();
    for (index, source) in addresses.iter().enumerate() {
        for (other, destination) in addresses.iter().enumerate() {
            let (protocol, port) = ports[(index + other) % ports.len()];
            questions.push(Connection {
                source: *source,
                destination: *destination,
                protocol,
                port,
            });
        }
    }
    questions
}

fn answers(image: &Image<'_>, questions: &[Connection]) -> Vec<(bool, bool)> {
    let ask = |question: &Connection| {
        let Connection {
            source,
            destination,
            protocol,
            port,
        } = *question;
        let verdict = image.verdict(source, destination, protocol, port);
        (verdict.egress(), verdict.ingress())
    };
    questions.iter().map(ask).collect()
}

/// Asks an image everything that can be asked; what matters is that it ends.
fn exercise(image: &Image<'_>, questions: &[Connection]) {
    answers(image, questions);
    for question in questions.iter().step_by(questions.len() / 20 + 1) {
        let explanation = image.explain(question);
        assert!(!format!("{explanation:#}").is_empty());
    }
    let pods: Vec<_> = image.pods().take(30).collect();
    for pod in &pods {
        let _ = (pod.to_string(), pod.workload(), pod.addresses().count());
        let _ = image.pod(pod.namespace(), pod.name());
        let _ = image.verdict_between(
            Endpoint::Pod(*pod),
            Endpoint::Pod(pods[0]),
            Protocol::TCP,
            80,
        );
    }
    for policy in image.policies() {
        let _ = (policy.to_string(), policy.source(), policy.selected_pods());
    }
    let _ = netpolicy::check::check(image);
}

#[test]
fn an_image_survives_a_file() {
    let compiled = samples::image();
    let questions = questions(&compiled.image());
    let path = std::env::temp_dir().join(format!("netpolicy-image-{}.npi", std::process::id()));
    std::fs::write(&path, compiled.as_bytes()).unwrap();
    let read = ImageBuf::open(std::fs::read(&path).unwrap()).unwrap();
    std::fs::remove_file(&path).unwrap();
    read.image().verify_checksum().unwrap();
    assert_eq!(read.as_bytes(), compiled.as_bytes());
    assert_eq!(
        answers(&read.image(), &questions),
        answers(&compiled.image(), &questions)
    );
    assert_eq!(read.image().options(), compiled.image().options());
}

#[test]
fn the_same_objects_make_the_same_bytes() {
    assert_eq!(samples::image().as_bytes(), samples::image().as_bytes());
}

#[test]
fn addresses_of_one_class_get_the_same_verdicts() {
    let image = samples::image();
    let image = image.image();
    let questions = questions(&image);
    let is_own = |pod: IpAddr, other: IpAddr| {
        image.pods().any(|known| {
            let mut addresses = known.addresses();
            addresses.clone().any(|own| own == pod) && addresses.any(|own| own == other)
        })
    };
    let mut compared = 0;
    for (first, second) in questions.iter().map(|q| (q.source, q.destination)) {
        if compared > 2000 {
            break;
        }
        let alike = first.is_ipv4() == second.is_ipv4()
            && image.class_of(first).is_some()
            && image.class_of(first) == image.class_of(second);
        if first == second || !alike {
            continue;
        }
        for question in questions.iter().take(20) {
            let other = question.destination;
            if is_own(first, other) || is_own(second, other) {
                continue;
            }
            let ask = |own| {
                let Connection { protocol, port, .. } = *question;
                let [out, back] = [(own, other), (other, own)]
                    .map(|(from, to)| image.verdict(from, to, protocol, port));
                (out, back)
            };
            assert_eq!(ask(first), ask(second), "{first}, {second}, {other}");
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
    assert!((1..image.as_bytes().len()).contains(&image.verdict_bytes()));
}

#[test]
fn any_alignment_will_do() {
    let image = samples::image();
    let questions = questions(&image.image());
    let expected = answers(&image.image(), &questions);
    for offset in 0..16 {
        let mut bytes = vec![0xee; offset];
        bytes.extend_from_slice(image.as_bytes());
        let moved = Image::open(&bytes[offset..]).unwrap();
        assert_eq!(answers(&moved, &questions), expected, "at offset {offset}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let image = samples::image();
    let bytes = image.as_bytes();
    for len in 0..bytes.len() {
        let error = Image::open(&bytes[..len]).expect_err("a truncated image is opened");
        assert!(
            matches!(error, OpenError::Truncated { .. }),
            "{len}: {error}"
        );
    }
    let mut longer = bytes.to_vec();
    longer.push(0);
    assert!(matches!(
        Image::open(&longer),
        Err(OpenError::Truncated { .. })
    ));
}

/// A sequence of numbers that look random.
struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize
    }
}

#[test]
fn flipped_bits_are_refused_or_answer() {
    let image = samples::image();
    let questions: Vec<_> = questions(&image.image()).into_iter().step_by(17).collect();
    let mut random = Random(0x5eed);
    let (mut refused, mut answered) = (0, 0);
    let header = 64 + 8 * 40;
    for round in 0..20_000 {
        let mut bytes = image.as_bytes().to_vec();
        for _ in 0..=random.next() % 3 {
            // The header and the section table are few bytes that matter much.
            let range = if round % 4 == 0 { header } else { bytes.len() };
            let at = random.next() % range;
            bytes[at] ^= 1 << (random.next() % 8);
        }
        match Image::open(&bytes) {
            Err(_) => refused += 1,
            Ok(damaged) => {
                answered += 1;
                assert!(bytes == image.as_bytes() || damaged.verify_checksum().is_err());
                exercise(&damaged, &questions);
            }
        }
    }
    println!("{refused} refused, {answered} answered");
    assert!(
        refused > 1_000 && answered > 1_000,
        "{refused} refused, {answered} answered"
    );
}

#[test]
fn overwritten_words_are_refused_or_answer() {
    let image = samples::image();
    let questions: Vec<_> = questions(&image.image()).into_iter().step_by(31).collect();
    let mut random = Random(0xfeed);
    let words = [
        0,
        1,
        u32::MAX,
        u32::MAX - 1,
        1 << 31,
        1 << 30,
        0x00ff_ffff,
        0xffff,
    ];
    for _ in 0..20_000 {
        let mut bytes = image.as_bytes().to_vec();
        for _ in 0..=random.next() % 4 {
            let at = random.next() % (bytes.len() / 4) * 4;
            let word = match random.next() % 12 {
                index if index < words.len() => words[index],
                _ => random.next() as u32 % 5_000,
            };
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        if let Ok(damaged) = Image::open(&bytes) {
            exercise(&damaged, &questions);
        }
    }
}

#[test]
fn what_is_no_image() {
    assert!(matches!(
        Image::open(b""),
        Err(OpenError::Truncated { len: 0, .. })
    ));
    let text = [b'x'; 1_000];
    assert_eq!(Image::open(&text).unwrap_err(), OpenError::NotAnImage);
    let image = samples::image();
    let mut newer = image.as_bytes().to_vec();
    newer[8] = 2;
    assert_eq!(
        Image::open(&newer).unwrap_err(),
        OpenError::Version { major: 2, minor: 0 }
    );
    assert_eq!(
        OpenError::Version { major: 2, minor: 0 }.to_string(),
        "the image has format version 2.0, this reader takes 1.x: compile it again"
    );
    // A newer minor version is read: it may only have more sections.
    let mut newer = image.as_bytes().to_vec();
    newer[10] = 7;
    let opened = Image::open(&newer).unwrap();
    assert!(matches!(
        opened.verify_checksum(),
        Err(OpenError::Checksum { .. })
    ));
}

/// Writes a word into a field of a record of a section.
fn put(bytes: &mut [u8], section: usize, width: usize, record: usize, field: usize, word: u32) {
    let entry = 128 + 8 * section;
    let offset = u32::from_le_bytes(bytes[entry..entry + 4].try_into().unwrap()) as usize;
    let at = offset + width * record + 4 * field;
    bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
}

/// How many records a section has.
fn count(bytes: &[u8], section: usize, width: usize) -> usize {
    let at = 128 + 8 * section + 4;
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize / width
}

/// Small images in which everything belongs to everybody would keep a verdict busy
/// for hours.
#[test]
fn ranges_that_overlap_are_refused() {
    // Section, width of its records, and the first field of the range; then section
    // and width of what the range is of.
    let cases = [
        ("Gates", 9, 8, 0, 10, 4),
        ("Namespaces", 15, 24, 4, 27, 56),
        ("Pods", 20, 36, 4, 22, 4),
        ("OwnNodes", 25, 8, 0, 26, 16),
        ("Policies", 27, 56, 7, 28, 28),
        ("Policies", 27, 56, 9, 28, 28),
        ("Rules", 28, 28, 2, 29, 24),
        ("Rules", 28, 28, 4, 30, 12),
        ("Selectors", 33, 8, 0, 34, 16),
        ("Domains", 36, 12, 1, 26, 16),
    ];
    let image = samples::image();
    for (name, section, width, field, of, of_width) in cases {
        let mut bytes = image.as_bytes().to_vec();
        let all = count(&bytes, of, of_width) as u32;
        assert!(all > 1 && count(&bytes, section, width) > 1, "{name}");
        for record in 0..count(&bytes, section, width) {
            put(&mut bytes, section, width, record, field, 0);
            put(&mut bytes, section, width, record, field + 1, all);
        }
        let refused = Image::open(&bytes).unwrap_err();
        assert!(
            matches!(refused, OpenError::Damaged { section, .. } if section == name),
            "{name}: {refused}"
        );
    }
}

#[test]
fn a_gate_with_a_policy_twice_is_refused() {
    let image = samples::image();
    let mut bytes = image.as_bytes().to_vec();
    for index in 0..count(&bytes, 10, 4) {
        put(&mut bytes, 10, 4, index, 0, 0);
    }
    assert!(matches!(
        Image::open(&bytes),
        Err(OpenError::Damaged {
            section: "Gates",
            ..
        })
    ));
}

/// An image whose trie has an edge into the middle of a node, where what is read as a
/// node leads to itself. Validation cannot tell it from a node; the walk must end.
#[test]
fn a_trie_that_leads_into_a_node_ends() {
    const ARRAY: u32 = 1 << 24 | 256;
    let mut cluster = netpolicy::Cluster::default();
    for number in 0..700 {
        cluster.insert_pod(netpolicy::model::Pod {
            namespace: "web".into(),
            name: format!("p{number}").into(),
            addresses: [std::net::Ipv4Addr::from_bits(0x0a00_0001 + number).into()]
                .into_iter()
                .collect(),
            ..netpolicy::model::Pod::default()
        });
    }
    let (image, _) = cluster
        .compile(&netpolicy::model::Options::default())
        .unwrap();
    let mut bytes = image.as_bytes().to_vec();
    let number = |bytes: &[u8], at: usize| {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    };
    let (trie, len) = (number(&bytes, 128), number(&bytes, 132) / 4);
    // Two arrays of leaves. Entry 0 of the second leads to a bitmap node that begins in
    // the first, so that its only entry is this entry again.
    let mut words = vec![ARRAY];
    words.extend([0; 256]);
    let second = words.len() as u32;
    words.extend([ARRAY, 1 << 31 | (second - 7)]);
    words.extend([0; 255]);
    // Bitmap nodes of one entry, 11 words each, until a sorted node fits the rest.
    while (len - words.len()) % 3 != 2 {
        words.extend([1, 0x0101_0100, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    let entries = (len - words.len() - 2) as u32 / 3 * 2;
    words.extend([3 << 24 | entries, entries]);
    words.extend((0..entries / 2).map(|pair| (2 * pair) | ((2 * pair + 1) << 16)));
    words.extend(vec![0; entries as usize]);
    assert_eq!(words.len(), len);
    for (index, word) in words.iter().enumerate() {
        let at = trie + 4 * index;
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    let root = 9 << 28 | (second + 1);
    bytes[52..56].copy_from_slice(&u32::to_le_bytes(root));
    let image = Image::open(&bytes).expect("nothing that validation sees is wrong");
    exercise(&image, &questions(&image));
}

/// A verdict between pods reads a half and not its base: all of the class has to be in it,
/// and its place must not be special.
#[test]
fn halves_that_do_not_hold_a_class_are_refused() {
    const HALVES: u32 = 4 << 24 | 256;
    const SPECIAL: u32 = 1 << 30;
    let image = samples::image();
    let bytes = image.as_bytes();
    let words = count(bytes, 0, 4);
    let trie = u32::from_le_bytes(bytes[128..132].try_into().unwrap()) as usize;
    let word = |index: usize| {
        let at = trie + 4 * index;
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    };
    let header = (0..words).find(|index| word(*index) == HALVES).unwrap();
    let is_refused = |bytes: &[u8]| {
        let refused = Image::open(bytes).err();
        matches!(
            refused,
            Some(OpenError::Damaged {
                section: "Trie",
                ..
            })
        )
    };

    let mut special = bytes.to_vec();
    put(
        &mut special,
        0,
        4,
        header + 1,
        0,
        word(header + 1) | SPECIAL,
    );
    assert!(is_refused(&special));

    // No host is in these places, so they are classes however many bits a class has.
    let mut wide = bytes.to_vec();
    wide[36..40].copy_from_slice(&16_u32.to_le_bytes());
    let mut at = header;
    while at < words && word(at) == HALVES {
        put(&mut wide, 0, 4, at + 1, 0, 0);
        at += 130;
    }
    assert!(is_refused(&wide));
}

/// IPv4-mapped addresses are among those that begin with zeros; pods may be, too.
#[test]
fn addresses_that_begin_with_zeros() {
    let manifests = "
apiVersion: v1
kind: Pod
metadata: {name: low, namespace: a}
spec: {containers: []}
status: {podIPs: [{ip: '::5'}], phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: beside-mapped, namespace: a}
spec: {containers: []}
status: {podIPs: [{ip: '::fffe:a00:1'}], phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: four, namespace: a}
spec: {containers: []}
status: {podIPs: [{ip: 10.0.0.1}], phase: Running}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: isolates, namespace: a}
spec: {podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}
";
    let image = samples::compiled(manifests, &netpolicy::model::Options::default());
    let image = image.image();
    let asks = |from: &str, to: &str| {
        let [from, to] = [from, to].map(|text| text.parse().unwrap());
        image.verdict(from, to, Protocol::TCP, 80).is_allowed()
    };
    for pod in ["::5", "::fffe:a00:1"] {
        assert!(asks("::5", pod) && asks("::fffe:a00:1", pod), "{pod}");
        assert!(!asks("::6", pod) && !asks("2001:db8::1", pod), "{pod}");
    }
    for pod in ["10.0.0.1", "::ffff:10.0.0.1"] {
        assert!(
            asks("10.0.0.1", pod) && asks("::ffff:10.0.0.1", pod),
            "{pod}"
        );
        assert!(
            !asks("10.0.0.2", pod) && !asks("::ffff:10.0.0.2", pod),
            "{pod}"
        );
    }
}

/// More intervals than a record of a port map tells of, without maps and with them.
#[test]
fn many_intervals_without_maps() {
    let ports: Vec<String> = (0..150)
        .map(|n| format!("{{port: {}}}", 1000 + 2 * n))
        .collect();
    let manifests = format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: p, namespace: a}}
spec: {{containers: []}}
status: {{podIPs: [{{ip: 10.0.0.1}}], phase: Running}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: n, namespace: a}}
spec: {{podSelector: {{}}, ingress: [{{ports: [{}]}}]}}
",
        ports.join(", ")
    );
    for table_budget in [0, 1 << 20] {
        let options = netpolicy::model::Options {
            table_budget,
            ..netpolicy::model::Options::default()
        };
        let image = samples::compiled(&manifests, &options);
        let image = image.image();
        assert_eq!(image.interpreted().is_empty(), table_budget != 0);
        let [from, to] = ["192.0.2.1", "10.0.0.1"].map(|text| text.parse().unwrap());
        for port in 990..1310 {
            let is_open = (1000..1300).contains(&port) && port % 2 == 0;
            let verdict = image.verdict(from, to, Protocol::TCP, port);
            assert_eq!(verdict.is_allowed(), is_open, "{port} with {table_budget}");
        }
    }
}
