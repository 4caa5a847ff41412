//! Pages to look at, made by hand: what a report over many captures holds, and names that want to do harm.

use capkeep_pcap::Timestamp;
use capkeep_report::html::{Chapter, Headline, Link, Page, page};
use capkeep_report::{
    Bars, Block, Card, Chart, Column, Facts, Histogram, Layer, Level, Matrix, Stack, Table, Unit, Value,
};

/// 2023-11-14T22:13:20Z.
const START: i64 = 1_700_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// Names as a capture can hold them; each sets `window.harmed` where it is not shown but meant.
pub(crate) const HOSTILE: &[&str] = &[
    "<script>window.harmed=1</script>",
    "</script><script>window.harmed=2</script>",
    "\"><img src=x onerror=\"window.harmed=3\">",
    "' onmouseover='window.harmed=4",
    "javascript:window.harmed=5",
    "<!--",
    "]]>",
    "</title><svg onload=window.harmed=6>",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "invoice\u{202e}fdp.exe",
    "zero\u{200b}width\u{feff}",
    "bell\u{7}escape\u{1b}[2Jnull\u{0}",
    "line\r\nbreak\ttab\u{2028}end",
    "&lt;b&gt;already&amp;escaped",
    "http://evil.example/?a=b&c=d#e",
    "lossy \u{fffd}\u{fffd} bytes",
    "\u{6771}\u{4eac}.example",
];

/// Numbers that look drawn and are the same every time.
struct Drawn(u64);

impl Drawn {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below.max(1)
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(START + seconds * SECOND)
}

fn address(n: u64) -> String {
    if n.is_multiple_of(17) {
        format!("2001:db8:1234:5678:9abc:def0:1234:{n:x}")
    } else {
        format!("10.{}.{}.{}", n / 7 % 4, n / 3 % 8, n % 250 + 4)
    }
}

fn traffic() -> Stack {
    let mut drawn = Drawn(7);
    let names =
        ["https 443/tcp", "ms-wbt-server 3389/tcp", "domain 53/udp", "quic 443/udp", "ssh 22/tcp", "others"];
    let layers = names.iter().enumerate().map(|(n, name)| Layer {
        name: (*name).into(),
        values: (0..480u64)
            .map(|step| {
                let wave = 1.0 + ((step as f64 / 40.0) + n as f64).sin();
                let burst = if n == 0 && (210..225).contains(&step) { 6.0 } else { 1.0 };
                (wave * burst * (40_000_000 / (n as u64 + 1)) as f64) as u64 + drawn.next(3_000_000)
            })
            .collect(),
    });
    Stack {
        title: "Traffic by service".into(),
        unit: Unit::Bytes,
        start: time(0),
        step: 30 * SECOND,
        layers: layers.collect(),
        notes: vec!["Bytes on the wire of all captures; captures of the same moment are added.".into()],
    }
}

fn matrix(hosts: usize) -> Matrix {
    let mut drawn = Drawn(3);
    let names = |from: u64, count: usize| (0..count as u64).map(|n| address(n + from)).collect::<Vec<_>>();
    let mut cells = Vec::new();
    for row in 0..hosts {
        for column in 0..hosts.div_ceil(2) {
            if drawn.next(100) < 100 / (2 + column as u64) + 2 {
                cells.push((row, column, 10u64.pow(1 + drawn.next(8) as u32) * (1 + drawn.next(9))));
            }
        }
    }
    Matrix {
        title: "Clients and servers".into(),
        unit: Unit::Bytes,
        of: ("client", "server"),
        rows: names(0, hosts),
        columns: names(500, hosts.div_ceil(2)),
        cells,
        notes: Vec::new(),
    }
}

fn histogram(title: &str, peak: u64, of: &'static str) -> Histogram {
    let mut drawn = Drawn(peak);
    let edges = [
        100_000u64,
        200_000,
        500_000,
        1_000_000,
        2_000_000,
        5_000_000,
        10_000_000,
        20_000_000,
        50_000_000,
        100_000_000,
        200_000_000,
        500_000_000,
        1_000_000_000,
    ];
    let buckets = edges.iter().enumerate().map(|(n, edge)| {
        let away = (n as i64 - peak as i64).unsigned_abs();
        (*edge, (9_000 >> (away * 2).min(20)) + drawn.next(40))
    });
    Histogram {
        title: title.into(),
        unit: Unit::Nanos,
        of,
        buckets: buckets.collect(),
        end: None,
        marks: vec![("median", edges[peak as usize] * 3 / 2), ("95 %", 150_000_000)],
        notes: Vec::new(),
    }
}

fn captures(count: u64) -> Table {
    let mut drawn = Drawn(11);
    let rows = (0..count).map(|n| {
        let bytes = drawn.next(600_000_000);
        let level = match drawn.next(20) {
            0 => Level::Critical,
            1..=4 => Level::Warning,
            5..=9 => Level::Note,
            _ => Level::Fine,
        };
        let error =
            if n % 97 == 5 { Value::Problem("cut short at byte 4,096".into()) } else { Value::Nothing };
        vec![
            Value::Link {
                words: format!("web{}-{n:04}.pcapng", n % 9),
                to: format!("captures/web{}-{n:04}.html", n % 9),
            },
            Value::text(format!("vm-web{}", n % 9)),
            Value::Level(level),
            Value::Time(time(n as i64 * 61)),
            Value::Span(300 * SECOND + drawn.next(60_000_000_000) as i64),
            Value::Bytes(bytes),
            Value::Count(bytes / 700),
            error,
        ]
    });
    Table {
        title: "Captures".into(),
        columns: vec![
            Column::words("capture"),
            Column::words("machine"),
            Column::words("worst finding"),
            Column::words("begins"),
            Column::number("span"),
            Column::number("size"),
            Column::number("packets"),
            Column::words("trouble"),
        ],
        rows: rows.collect(),
        notes: Vec::new(),
    }
}

fn findings() -> Vec<Block> {
    let hosts = Table {
        title: "Flows".into(),
        columns: vec![Column::words("flow"), Column::number("sent again"), Column::number("share")],
        rows: (0..6)
            .map(|n| {
                vec![
                    Value::text(format!("10.0.0.{n}:5000{n} → 10.1.0.4:443")),
                    Value::Count(900 - n * 100),
                    Value::Share(0.09 - 0.01 * n as f64),
                ]
            })
            .collect(),
        notes: vec!["and 12 flows more".into()],
    };
    let card = |level, title: &str, id: &str, evidence: Vec<Block>| {
        Block::Card(Card {
            level,
            title: title.into(),
            id: Some(id.into()),
            lines: vec![
                ("about", vec![Value::text("10.1.0.4"), Value::text("in 14 captures"), Value::text("high confidence")]),
                ("filter", vec![Value::Command("ip.addr == 10.1.0.4 && tcp.port == 443 && tcp.analysis.retransmission".into())]),
                ("packets", vec![Value::Command("capkeep slice captures/web1-0001.pcapng --finding retransmissions:1 -o evidence.pcapng".into())]),
            ],
            evidence,
        })
    };
    vec![
        card(
            Level::Critical,
            "10.1.0.4 answers none of 412 connections to port 1433",
            "f-1",
            vec![Block::Table(hosts)],
        ),
        card(
            Level::Warning,
            "9.1 % of what 10.1.0.4 sends to 10.0.0.0/24 is lost on the way",
            "f-2",
            Vec::new(),
        ),
        card(
            Level::Note,
            "The capture of vm-web3 ends in a transfer and may have reached its limit",
            "f-3",
            Vec::new(),
        ),
    ]
}

fn hosts() -> Vec<Block> {
    let mut drawn = Drawn(5);
    let bars =
        (0..12u64).map(|n| (Value::text(address(n * 3 + 1)), 900_000_000 / (n + 1) + drawn.next(1_000_000)));
    let services = (0..12u64)
        .map(|n| (Value::text(format!("service {} {}/tcp", n, 400 + n)), 700_000_000 / (n * n + 1)));
    let title = "Bytes sent and received";
    vec![
        Block::Bars(Bars {
            title: title.into(),
            unit: Unit::Bytes,
            of: "host",
            bars: bars.collect(),
            notes: vec!["and 1,204 hosts more".into()],
        }),
        Block::Bars(Bars {
            title: "Bytes by service".into(),
            unit: Unit::Bytes,
            of: "service",
            bars: services.collect(),
            notes: Vec::new(),
        }),
    ]
}

fn tcp() -> Vec<Block> {
    let mut facts = Facts { title: "TCP".into(), lines: Vec::new() };
    facts.line("capture", vec![Value::Problem("12 flows of 40,000 one-sided".into())]);
    facts.line("sent again", vec![Value::text("1,234 segments (0.2 %)"), Value::text("34 after a timeout")]);
    facts.line("stalls", vec![Value::text("6 windows of zero"), Value::text("2.5 s in all")]);
    facts.line("resets", vec![Value::Count(320)]);
    let chart = Chart {
        title: "Segments sent again".into(),
        first: time(0),
        last: time(300),
        step: 5 * SECOND,
        steps: (0..60).map(|n| (n % 7, n % 7 * 900)).collect(),
    };
    vec![
        Block::Histogram(histogram("Round trips to servers", 4, "flows")),
        Block::Histogram(histogram("First byte of an answer", 8, "answers")),
        Block::Facts(facts),
        Block::Chart(chart),
    ]
}

fn hostile() -> Vec<Block> {
    let column = Column::words("name");
    let rows = HOSTILE.iter().enumerate().map(|(n, name)| {
        let name = (*name).to_owned();
        vec![
            Value::Text(name.clone()),
            Value::Path(format!("folder/{name}")),
            Value::Problem(name.clone()),
            Value::Command(name.clone()),
            Value::Link { words: name.clone(), to: name },
            Value::Count(n as u64),
        ]
    });
    let columns = vec![
        column,
        Column::words("file"),
        Column::words("trouble"),
        Column::words("filter"),
        Column::words("leads to"),
        Column::number("packets"),
    ];
    // Once as rows that are there from the start, once as rows that the script makes.
    let rows: Vec<_> = rows.collect();
    let long = rows.iter().cycle().take(200).cloned().collect();
    let mut out = vec![
        Block::Table(Table {
            title: HOSTILE[0].into(),
            columns: columns.clone(),
            rows,
            notes: vec![HOSTILE[2].into()],
        }),
        Block::Table(Table { title: HOSTILE[1].into(), columns, rows: long, notes: Vec::new() }),
    ];
    let text = |n: usize| HOSTILE[n % HOSTILE.len()].to_owned();
    out.push(Block::Stack(Stack {
        title: text(1),
        layers: (0..12).map(|n| Layer { name: text(n), values: vec![n as u64, 3, 5] }).collect(),
        notes: vec![text(7)],
        ..traffic()
    }));
    let many: Vec<String> = HOSTILE.iter().map(|name| (*name).to_owned()).collect();
    out.push(Block::Matrix(Matrix {
        title: text(7),
        rows: many.clone(),
        columns: many,
        cells: (0..HOSTILE.len())
            .map(|n| (n, n, 10u64.pow(n as u32 % 8)))
            .chain([(99, 1, 1), (1, 99, 1)])
            .collect(),
        ..matrix(1)
    }));
    out.push(Block::Card(Card {
        level: Level::Warning,
        title: text(2),
        id: Some(text(2)),
        lines: vec![
            ("about", HOSTILE.iter().map(|name| Value::text(*name)).collect()),
            ("filter", vec![Value::Command(text(0))]),
        ],
        evidence: vec![
            Block::Words(text(3)),
            Block::Bars(Bars {
                title: text(4),
                unit: Unit::Things("packets"),
                of: "name",
                bars: vec![(Value::Text(text(5)), 3)],
                notes: vec![text(6)],
            }),
        ],
    }));
    out
}

fn chapter(id: &str, title: &str, question: &str, blocks: Vec<Block>) -> Chapter {
    Chapter { id: id.into(), title: title.into(), question: question.into(), blocks }
}

fn headline(level: Level, words: &str, to: &str) -> Headline {
    Headline { level, words: words.into(), to: Some(to.into()) }
}

/// A page over this many captures, with names that want to do harm.
pub(crate) fn report(count: u64) -> String {
    let chapters = [
        chapter("findings", "Findings", "What is wrong, and where?", findings()),
        chapter(
            "captures",
            "Captures",
            "What was read, and can it be trusted?",
            vec![Block::Table(captures(count))],
        ),
        chapter(
            "traffic",
            "Traffic",
            "When was there traffic, and of what kind?",
            vec![Block::Stack(traffic())],
        ),
        chapter(
            "conversations",
            "Who with whom",
            "Who has to do with whom?",
            vec![Block::Matrix(matrix(60))],
        ),
        chapter("hosts", "Hosts and services", "Who sends most, and by which service?", hosts()),
        chapter("tcp", "TCP", "How well did TCP do?", tcp()),
        chapter("names", "Names", "Which names were asked for?", hostile()),
        chapter("empty", "Empty", "Is a chapter of nothing left out?", Vec::new()),
    ];
    let lead = [
        headline(
            Level::Critical,
            "10.1.0.4 answers none of 412 connections to port 1433; seen in 14 captures of 3 machines.",
            "#f-1",
        ),
        headline(
            Level::Warning,
            "9.1 % of what 10.1.0.4 sends is lost on the way: the network, not the server.",
            "#f-2",
        ),
        headline(Level::Warning, "2 captures could not be read to their end.", "#captures"),
        headline(Level::Fine, "DNS: 12,345 questions, all answered within 40 ms.", "#names"),
    ];
    page(&Page {
        title: "Packet captures of 2023-11-14",
        about: "2,000 captures of 9 machines, 2023-11-14T22:13:20Z to 2023-11-16T08:07:20Z; 597.3 GB, 853,281,442 packets",
        lead: &lead,
        chapters: &chapters,
        links: &[],
        footer: &[
            ("made by", "capkeep 0.1.0".into()),
            ("schema", "capkeep.dataset/1".into()),
            ("inputs", HOSTILE[0].into()),
        ],
    })
}

/// A page of one capture, whose title wants to do harm; few chapters and nothing wrong.
pub(crate) fn capture() -> String {
    let mut facts = Facts { title: "captures/web1-0001.pcapng".into(), lines: Vec::new() };
    facts.line("machine", vec![Value::text("vm-web1")]);
    facts.line("spans", vec![Value::Span(307 * SECOND), Value::Time(time(0))]);
    facts.line("size", vec![Value::Bytes(512_345_678), Value::Count(1_002_061)]);
    let nothing =
        Table { title: "Skipped".into(), columns: vec![Column::words("reason")], ..Table::default() };
    let chapters = [
        chapter("capture", "Capture", "What was read?", vec![Block::Facts(facts), Block::Table(nothing)]),
        chapter("matrix", "Who with whom", "Who has to do with whom?", vec![Block::Matrix(matrix(8))]),
    ];
    page(&Page {
        title: HOSTILE[1],
        about: HOSTILE[9],
        lead: &[Headline { level: Level::Fine, words: "Nothing is wrong here.".into(), to: None }],
        chapters: &chapters,
        links: &[Link { words: "All captures".into(), to: "../index.html".into() }],
        footer: &[("made by", "capkeep 0.1.0".into())],
    })
}

/// Who has to do with whom among 200 hosts.
pub(crate) fn crowd() -> String {
    let chapters =
        [chapter("matrix", "Who with whom", "Who has to do with whom?", vec![Block::Matrix(matrix(200))])];
    page(&Page { title: "200 hosts", about: "", lead: &[], chapters: &chapters, links: &[], footer: &[] })
}
