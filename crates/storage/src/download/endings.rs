//! How the download of a file ends: verified, begun anew, given up.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinError;

use super::engine::{Active, Engine, Stage, Step};
use super::event::{Event, Fetched, Md5Check, Outcome};
use super::hash::{Hash, Hashing, hex};
use super::limits::Check;
use super::line::Source;
use super::provenance::Provenance;
use super::settle::{Named, Verified};
use super::target::Target;
use crate::blob::Blob;
use crate::error::{Error, Result};

impl Engine<'_> {
    /// All bytes are there and hashed.
    pub(super) fn verify(&mut self, file: usize) {
        let Some(Active { source, target, idle, .. }) = self.no_longer_active(file) else { return };
        let blob = &source.blob;
        let check = self.line.limits().check;
        let (sha256, md5) = match digests(idle, blob, check, &source) {
            Ok(digests) => digests,
            Err(error) => return self.is_wrong(file, &target, error),
        };
        let entry = &mut self.files[file];
        let fetched = Fetched {
            bytes: blob.size,
            resumed_from: target.resumed_from,
            received: entry.received,
            sha256: sha256.clone(),
            md5,
            etag: blob.etag.clone(),
        };
        let provenance = Provenance {
            source: source.url(),
            account: source.store.account().to_owned(),
            container: blob.name.container.clone(),
            name: blob.name.name.clone(),
            etag: blob.etag.clone(),
            size: blob.size,
            modified: blob.modified,
            md5: blob.md5.map(|md5| hex(&md5)),
            sha256,
            fetched: Timestamp::now(),
            by: concat!("capkeep ", env!("CARGO_PKG_VERSION")).to_owned(),
            file_modified: blob.modified,
            boot: None,
            note: entry.job.note.clone(),
        };
        entry.stage = Stage::Settling(fetched);
        self.line.tell(Event::Verified { file, md5 });
        self.pile.push(Verified { file, target, provenance });
    }

    /// What arrived is not what the blob is said to be.
    fn is_wrong(&mut self, file: usize, target: &Target, error: Error) {
        target.discard();
        self.open -= 1;
        let may_be_what_was_kept = target.resumed_from > 0;
        if may_be_what_was_kept && !self.files[file].distrusted && !self.was_seen() {
            self.files[file].distrusted = true;
            self.line.tell(Event::Afresh { file, why: "what had been kept of it is wrong".into() });
            self.anew(file);
        } else {
            self.fail(file, error, 0);
        }
    }

    /// It failed, and nothing of it is under way any more.
    pub(super) fn gave_up(&mut self, file: usize) {
        let Some(Active { source, target, failure, .. }) = self.no_longer_active(file) else { return };
        let Some(error) = failure else { return };
        self.open -= 1;
        let has_changed = matches!(error, Error::Changed { .. });
        if has_changed && !self.files[file].restarted && !self.was_seen() {
            self.files[file].restarted = true;
            target.discard();
            self.line.tell(Event::Afresh { file, why: "the blob changed meanwhile".into() });
            if let Some(tap) = self.tap {
                tap.restart();
            }
            self.files[file].stage = Stage::Opening;
            let line = self.line;
            let source = Source::clone(&source);
            self.steps.push(Box::pin(async move {
                Step::Headed(file, line.head(file, &source).await.map(Box::new))
            }));
            return;
        }
        target.tidy();
        // Nothing of another version is of use.
        let kept = if has_changed { 0 } else { target.kept() };
        self.fail(file, error, kept);
    }

    fn anew(&mut self, file: usize) {
        if let Some(tap) = self.tap {
            tap.restart();
        }
        self.open(file);
    }

    /// Somebody may have read what is to be thrown away.
    fn was_seen(&self) -> bool {
        self.tap.is_some_and(super::tap::Tap::has_begun)
    }

    fn no_longer_active(&mut self, file: usize) -> Option<Active> {
        let entry = &mut self.files[file];
        self.wanting.remove(&file);
        self.active.remove(&file);
        match std::mem::replace(&mut entry.stage, Stage::Opening) {
            Stage::Active(active) => {
                entry.received += active.target.written();
                Some(*active)
            }
            stage => {
                entry.stage = stage;
                None
            }
        }
    }

    /// Files got their names, or did not.
    pub(super) fn named(&mut self, named: std::result::Result<Vec<Named>, JoinError>) {
        // Otherwise the runtime ends.
        let Ok(named) = named else { return };
        for Named { file, result, kept } in named {
            self.open -= 1;
            let stage = std::mem::replace(&mut self.files[file].stage, Stage::Opening);
            match (result, stage) {
                (Ok(()), Stage::Settling(fetched)) => {
                    self.line.tell(Event::Done { file });
                    self.end(file, Outcome::Fetched(fetched));
                }
                (Ok(()), stage) => self.files[file].stage = stage,
                (Err(error), _) => self.fail(file, error, kept),
            }
        }
    }

    pub(super) fn fail(&mut self, file: usize, error: Error, kept: u64) {
        self.line.tell(Event::Failed { file, why: error.to_string() });
        self.end(file, Outcome::Failed { error, kept });
    }

    pub(super) fn end(&mut self, file: usize, outcome: Outcome) {
        self.files[file].stage = Stage::Ended(outcome);
    }

    /// Ends everything that is under way, at once.
    pub(super) async fn halt(&mut self) {
        self.steps.clear();
        if let Some(settling) = self.settling.take() {
            // Names are given in an instant; it has to be known which were.
            self.named(settling.await);
        }
        for Verified { file, target, .. } in std::mem::take(&mut self.pile) {
            let kept = stopped(&target);
            self.end(file, Outcome::Stopped { kept });
        }
        for file in std::mem::take(&mut self.active) {
            if let Some(active) = self.no_longer_active(file) {
                active.abandon.stop();
                let kept = stopped(&active.target);
                self.end(file, Outcome::Stopped { kept });
            }
        }
    }
}

fn stopped(target: &Arc<Target>) -> u64 {
    target.tidy();
    target.kept()
}

/// The digests, if they are what they have to be.
fn digests(idle: Vec<Hashing>, blob: &Blob, check: Check, source: &Source) -> Result<(String, Md5Check)> {
    let mut sha256 = String::new();
    let mut md5 = None;
    for hashing in idle {
        match hashing.finish() {
            Hash::Sha256(text) => sha256 = text,
            Hash::Md5(bytes) => md5 = Some(bytes),
        }
    }
    match (md5, blob.md5) {
        (Some(is), Some(said)) if is != said => {
            let why =
                format!("what arrived has the MD5 {}, the blob is said to have {}", hex(&is), hex(&said));
            Err(Error::Unexpected { what: source.url(), why })
        }
        (Some(_), _) => Ok((sha256, Md5Check::Verified)),
        (None, Some(_)) if check == Check::Ignored => Ok((sha256, Md5Check::Ignored)),
        (None, _) => Ok((sha256, Md5Check::NotGiven)),
    }
}
