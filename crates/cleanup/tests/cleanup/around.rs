//! What a run needs from around it, in a test.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use capkeep_cleanup::{Archived, Row, Surroundings, World};
use capkeep_storage::{Blob, Store};
use futures_util::StreamExt;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::model::Model;
use crate::words::NOW;

#[derive(Debug)]
pub(crate) struct Around {
    pub(crate) stores: HashMap<String, Arc<Model>>,
    /// What is listed, one after the other; the last again and again. An error if there is none.
    pub(crate) worlds: Mutex<VecDeque<World>>,
    pub(crate) listed: AtomicUsize,
    pub(crate) archive: Option<PathBuf>,
    /// Stops after so many questions.
    pub(crate) asked: AtomicUsize,
    pub(crate) stop_after: usize,
    pub(crate) summaries: Mutex<Vec<String>>,
}

impl Around {
    pub(crate) fn new(store: &Arc<Model>, world: World) -> Self {
        let account = format!("https://{}.blob.core.windows.net", store.account());
        Self {
            stores: [(account, Arc::clone(store))].into(),
            worlds: Mutex::new([world].into()),
            listed: AtomicUsize::new(0),
            archive: None,
            asked: AtomicUsize::new(0),
            stop_after: usize::MAX,
            summaries: Mutex::default(),
        }
    }
}

#[async_trait]
impl Surroundings for Around {
    async fn world(&self) -> Result<World, String> {
        self.listed.fetch_add(1, Ordering::Relaxed);
        let mut worlds = self.worlds.lock().unwrap();
        match worlds.len() {
            0 => Err("throttled".into()),
            1 => Ok(worlds[0].clone()),
            _ => Ok(worlds.pop_front().unwrap()),
        }
    }

    fn now(&self) -> Timestamp {
        NOW.parse().unwrap()
    }

    async fn store(&self, account: &str) -> Result<Arc<dyn Store>, String> {
        let store = self.stores.get(account).ok_or("no such account")?;
        Ok(Arc::clone(store) as Arc<dyn Store>)
    }

    async fn archive(&self, store: &Arc<dyn Store>, row: &Row, blob: &Blob) -> Result<Archived, String> {
        let folder = self.archive.as_ref().ok_or("no room on the disk")?;
        let mut content = Vec::new();
        let mut stream =
            store.read(&blob.name, 0..blob.size, &blob.etag).await.map_err(|error| error.to_string())?;
        while let Some(part) = stream.next().await {
            content.extend_from_slice(&part.unwrap());
        }
        let path = folder.join(row.name.replace('/', "_"));
        std::fs::write(&path, &content).unwrap();
        let sum = Sha256::digest(&content);
        let sha256 = sum.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        Ok(Archived { path, size: content.len() as u64, sha256 })
    }

    async fn summarise(&self, _: &Arc<dyn Store>, row: &Row, _: &Blob) -> Result<(), String> {
        if row.name.contains("damaged") {
            return Err("not a capture".into());
        }
        self.summaries.lock().unwrap().push(row.name.clone());
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) >= self.stop_after
    }
}
