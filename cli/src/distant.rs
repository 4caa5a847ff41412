//! Capture files in storage, read while their bytes arrive.

use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use capkeep_flow::Stream;
use capkeep_storage::download::{self, Job, Limits};
use tokio::runtime::Runtime;

use crate::azure::Azure;
use crate::storage::Storage;
use crate::targets::{Finder, Found};

/// Finds and opens them. Nothing is begun before the first target.
pub(crate) struct Distant<'a> {
    azure: &'a Azure,
    storage: &'a Storage,
    keep: Option<&'a Path>,
    runtime: Option<Runtime>,
}

impl<'a> Distant<'a> {
    /// With a folder, what is read is kept there.
    pub(crate) const fn new(azure: &'a Azure, storage: &'a Storage, keep: Option<&'a Path>) -> Self {
        Self { azure, storage, keep, runtime: None }
    }

    /// What a target stands for.
    pub(crate) fn streams(&mut self, target: &str) -> anyhow::Result<Vec<Stream>> {
        let found = self.find(target)?;
        found.into_iter().map(|one| self.open(one)).collect()
    }

    /// The files that a target stands for.
    pub(crate) fn find(&mut self, target: &str) -> anyhow::Result<Vec<Found>> {
        let finder = Finder::new(self.azure, self.storage.stores(self.azure), false);
        self.runtime()?.block_on(finder.find(target))
    }

    /// Capture files of every storage account that can be seen.
    pub(crate) fn everywhere(&mut self) -> anyhow::Result<Vec<Found>> {
        let finder = Finder::new(self.azure, self.storage.stores(self.azure), false);
        self.runtime()?.block_on(finder.everywhere())
    }

    /// The bytes of a file, asked for when they are read.
    pub(crate) fn open(&mut self, one: Found) -> anyhow::Result<Stream> {
        let keep = self.keep;
        Ok(stream(one, keep, self.runtime()?.handle()))
    }

    fn runtime(&mut self) -> anyhow::Result<&Runtime> {
        let runtime = match self.runtime.take() {
            Some(runtime) => runtime,
            None => tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .context("cannot wait for the network")?,
        };
        Ok(self.runtime.insert(runtime))
    }
}

fn stream(one: Found, keep: Option<&Path>, runtime: &tokio::runtime::Handle) -> Stream {
    let name = one.url().into();
    let bytes = one.blob.size;
    let (keep, runtime) = (keep.map(|folder| folder.join(&one.path)), runtime.clone());
    let open = move || -> io::Result<Box<dyn io::Read + Send>> {
        let (store, blob) = (Arc::clone(&one.store), one.blob.clone());
        let quiet = Arc::new(|_| {});
        Ok(match &keep {
            None => Box::new(download::stream(store, blob, Limits::default(), quiet, &runtime)),
            Some(to) => {
                let job = Job { store, blob, to: to.clone(), note: one.note.clone() };
                Box::new(download::stream_and_keep(job, Limits::default(), quiet, &runtime))
            }
        })
    };
    Stream { name, bytes, open: Arc::new(open) }
}
