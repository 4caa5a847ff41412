//! Units → dataset and pages.

use std::fs;
use std::path::Path;

use anyhow::Context;
use capkeep_detect::Severity;
use capkeep_report::baseline::Baseline;
use capkeep_report::dataset::{self, FlowLinks};
use capkeep_report::flows::FileFormat;
use capkeep_report::html::{self, Chapter, Headline, Link};
use capkeep_report::picture::{Kind, Picture, lead};
use capkeep_report::terminal::Page;
use capkeep_report::unit::Unit;
use capkeep_report::{Block, Facts, Level, Value, markdown, utc};

use super::folder::{Folder, Next};
use super::sources::Session;

/// Folder of the pages of single captures.
const PAGES: &str = "captures/";

/// Page of a unit in its folder.
const PAGE: &str = "page.html";

/// Columns of the report as text (chosen: mail).
const WIDTH: usize = 100;

/// What a report is made with.
pub(crate) struct Assembly<'a> {
    pub(crate) title: &'a str,
    pub(crate) formats: &'a [FileFormat],
    pub(crate) not_captures: u64,
    /// See [`Picture::is_plain`].
    pub(crate) is_plain: bool,
    /// What it is compared with.
    pub(crate) earlier: Option<&'a Baseline>,
}

/// What was written.
pub(crate) struct Written {
    /// The report in short, as JSON.
    pub(crate) json: Vec<u8>,
    /// The first lines, in words.
    pub(crate) text: String,
    pub(crate) baseline: Baseline,
    pub(crate) worst: Option<Severity>,
    /// True if it was compared, and something is worse.
    pub(crate) is_worse: bool,
}

impl Assembly<'_> {
    /// Writes everything that readers see, and shows it.
    pub(crate) fn write(&self, folder: &Folder, sessions: &[Session]) -> anyhow::Result<Written> {
        let next = folder.next()?;
        let mut picture = Picture {
            pages: Some(PAGES),
            not_captures: self.not_captures,
            is_plain: self.is_plain,
            ..Picture::default()
        };
        let mut ordered: Vec<&Session> = sessions.iter().collect();
        ordered.sort_by_key(|session| session.order());
        let data = next.path().join("data");
        let mut flows = Vec::new();
        let read = |session: &&Session| {
            let unit = folder.read(&session.key)?;
            picture.add(&unit);
            flows.push((folder.unit_folder(&session.key).join("flows"), unit.flow_files.clone()));
            Ok(unit)
        };
        dataset::write(&data, &mut ordered.iter().map(read), self.formats)?;
        let mut links = FlowLinks::new(&data.join("flows"));
        flows.iter().try_for_each(|(from, files)| links.add(from, files))?;
        links.finish()?;
        fs::create_dir_all(next.path().join(PAGES)).context("cannot make the folder of pages")?;
        for session in &ordered {
            let unit = folder.unit_folder(&session.key);
            link(&unit.join(PAGE), &next.path().join(PAGES).join(format!("{}.html", session.id)))?;
        }
        let written = self.pages(&picture, &next)?;
        next.show()?;
        Ok(written)
    }

    fn pages(&self, picture: &Picture, next: &Next<'_>) -> anyhow::Result<Written> {
        let baseline = Baseline::of(self.title, picture);
        let changes = self.earlier.map(|earlier| baseline.changes_since(earlier));
        let mut chapters = picture.chapters();
        if let Some(changes) = &changes {
            let chapter = Chapter {
                id: "changes".into(),
                title: "Since last time".into(),
                question: "What is new, gone, better or worse?".into(),
                blocks: changes.blocks(),
            };
            chapters.insert(0, chapter);
        }
        let lead = lead(picture);
        let about = about(picture);
        let page = html::page(&html::Page {
            title: self.title,
            about: &about,
            lead: &lead,
            chapters: &chapters,
            links: &[],
            footer: &footer(),
        });
        let put = |name: &str, bytes: &[u8]| {
            let path = next.path().join(name);
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
        };
        put("index.html", page.as_bytes())?;
        put("report.md", markdown::page(self.title, &about, &lead, &chapters).as_bytes())?;
        let mut blocks = vec![first(self.title, &about, &lead)];
        let text = Page { width: WIDTH, color: false }.draw(&blocks);
        blocks.extend(chapters.into_iter().flat_map(|chapter| chapter.blocks));
        put("report.txt", Page { width: WIDTH, color: false }.draw(&blocks).as_bytes())?;
        let mut json = serde_json::to_vec_pretty(&baseline).context("cannot write JSON")?;
        json.push(b'\n');
        put("report.json", &json)?;
        let worst = picture.kinds.values().map(Kind::worst).max();
        let severity = |level| match level {
            Level::Critical => Some(Severity::Critical),
            Level::Warning => Some(Severity::Warning),
            Level::Note => Some(Severity::Note),
            Level::Fine => None,
        };
        Ok(Written {
            json,
            text,
            baseline,
            worst: worst.and_then(severity),
            is_worse: changes.is_some_and(|changes| changes.is_worse()),
        })
    }
}

/// Writes the page of a unit beside it.
pub(crate) fn write_page(unit: &Unit, is_plain: bool, folder: &Path) -> anyhow::Result<()> {
    let mut picture = Picture { is_plain, ..Picture::default() };
    picture.add(unit);
    let title = unit.origins.first().map_or("-", |origin| origin.name.as_str());
    let page = html::page(&html::Page {
        title,
        about: &about(&picture),
        lead: &lead(&picture),
        chapters: &picture.chapters(),
        links: &[Link { words: "all captures".into(), to: "../index.html".into() }],
        footer: &footer(),
    });
    let path = folder.join(PAGE);
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}

/// How many captures, and from when to when.
fn about(picture: &Picture) -> String {
    let totals = &picture.totals;
    let captures = if totals.captures == 1 {
        "1 capture file".into()
    } else {
        format!("{} capture files", totals.captures)
    };
    let time = |ns: i64| utc(capkeep_pcap::Timestamp::from_nanos(ns));
    match totals.first_ns.zip(totals.last_ns) {
        Some((first, last)) => format!("{captures}, from {} to {}", time(first), time(last)),
        None => captures,
    }
}

fn footer() -> Vec<(&'static str, String)> {
    vec![
        ("made by", format!("capkeep {}", env!("CARGO_PKG_VERSION"))),
        ("schema", Baseline::SCHEMA.to_owned()),
    ]
}

/// The first lines as a block.
fn first(title: &str, about: &str, lead: &[Headline]) -> Block {
    let mut facts = Facts { title: format!("{title}: {about}"), lines: Vec::new() };
    for line in lead {
        let words = if line.level >= Level::Warning {
            Value::Problem(line.words.clone())
        } else {
            Value::text(&line.words)
        };
        facts.line(line.level.word(), vec![words]);
    }
    Block::Facts(facts)
}

/// A second name for a file, or a copy where that is not possible.
fn link(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::hard_link(from, to)
        .or_else(|_| fs::copy(from, to).map(drop))
        .with_context(|| format!("cannot write {}", to.display()))
}
