//! A service to talk to.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use capkeep_local::capture::{End, Snapshot};
use capkeep_local::{Config, Engine, Order, Reply, Request, Running, Service};
use capkeep_watcher::StopReason;
use serde_json::{Value, json};

pub(crate) const SECOND: i64 = 1_000_000_000;
/// 2023-11-14T22:13:20Z.
pub(crate) const BEGIN: i64 = 1_700_000_000 * SECOND;

/// Sessions that were begun, by the order they were begun in.
#[derive(Clone, Default)]
pub(crate) struct Fake {
    pub(crate) sessions: Arc<Mutex<Vec<Arc<Mutex<FakeSession>>>>>,
    pub(crate) refusal: Arc<Mutex<Option<String>>>,
    clock: Arc<AtomicI64>,
}

#[derive(Clone)]
pub(crate) struct FakeSession {
    pub(crate) order: Order,
    pub(crate) snapshot: Snapshot,
    pub(crate) files: Vec<PathBuf>,
}

struct Handle(Arc<Mutex<FakeSession>>);

/// A pcap file with one packet.
pub(crate) fn pcap() -> Vec<u8> {
    let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    bytes.resize(24, 0);
    bytes.extend([0; 8]);
    bytes.extend([3, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3]);
    bytes
}

impl Engine for Fake {
    fn start(&self, order: &Order) -> Result<Box<dyn Running>, String> {
        if let Some(text) = self.refusal.lock().unwrap().clone() {
            return Err(text);
        }
        fs::write(&order.file, pcap()).unwrap();
        let started_ns = self.clock.load(Ordering::SeqCst) + 1_500_000_000;
        let session = Arc::new(Mutex::new(FakeSession {
            order: order.clone(),
            snapshot: Snapshot { started_ns, ..Snapshot::default() },
            files: vec![order.file.clone()],
        }));
        self.sessions.lock().unwrap().push(Arc::clone(&session));
        Ok(Box::new(Handle(session)))
    }
}

impl Running for Handle {
    fn stop(&self) {
        let mut session = self.0.lock().unwrap();
        session.snapshot.over.get_or_insert(End::Stopped(StopReason::Manual));
    }
    fn snapshot(&self) -> Snapshot {
        self.0.lock().unwrap().snapshot.clone()
    }
    fn files(&self) -> Vec<PathBuf> {
        self.0.lock().unwrap().files.clone()
    }
}

/// A service in a folder of its own.
pub(crate) struct Stand {
    pub(crate) service: Service,
    pub(crate) engine: Fake,
    pub(crate) folder: Arc<tempfile::TempDir>,
    pub(crate) config: Config,
}

pub(crate) fn config() -> Config {
    let text = r#"
        subscription = "sub"
        regions = ["westus", "eastus"]
        [machines.vm1]
        [machines.vm2]
        [machines.vm3]
        [scale_sets.set1]
        machines = ["vm1", "vm2", "vm3"]
        [storage.sa1]
    "#;
    Config::from_toml(text, |_| None).unwrap()
}

impl Stand {
    pub(crate) fn new(config: Config) -> Self {
        let engine = Fake::default();
        engine.clock.store(BEGIN, Ordering::SeqCst);
        Self::over(config, Arc::new(tempfile::tempdir().unwrap()), engine)
    }

    pub(crate) fn over(config: Config, folder: Arc<tempfile::TempDir>, engine: Fake) -> Self {
        let clock = Arc::clone(&engine.clock);
        let clock = Arc::new(move || clock.load(Ordering::SeqCst));
        let service = Service::open(config.clone(), folder.path(), Arc::new(engine.clone()), clock).unwrap();
        Self { service, engine, folder, config }
    }

    /// The same folder, after the process was killed.
    pub(crate) fn restarted(self) -> Self {
        let Self { service, engine, folder, config } = self;
        // A folder is one process's at a time.
        drop(service);
        Self::over(config, folder, engine)
    }

    /// Looks after the sessions and stores what is due.
    pub(crate) fn settle(&self) {
        self.service.tick();
        while self.service.work() {}
    }

    pub(crate) fn pass(&self, ns: i64) {
        self.engine.clock.fetch_add(ns, Ordering::SeqCst);
    }

    pub(crate) fn data(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn session(&self, index: usize) -> Arc<Mutex<FakeSession>> {
        Arc::clone(&self.engine.sessions.lock().unwrap()[index])
    }

    pub(crate) fn ask(&self, method: &str, url: &str, body: &[u8]) -> Reply {
        let rest =
            url.split_once("://").map_or(url, |(_, rest)| &rest[rest.find('/').unwrap_or(rest.len())..]);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        self.settle();
        self.service.handle(&Request {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: vec![("Host".into(), "localhost:8443".into())],
            body: body.to_vec(),
            scheme: "https",
        })
    }

    pub(crate) fn put(&self, name: &str, body: &Value) -> Reply {
        self.ask("PUT", &capture(name), body.to_string().as_bytes())
    }

    pub(crate) fn get(&self, url: &str) -> Reply {
        self.ask("GET", url, b"")
    }

    pub(crate) fn post(&self, name: &str, verb: &str) -> Reply {
        self.ask("POST", &capture(name).replace('?', &format!("/{verb}?")), b"")
    }

    pub(crate) fn status(&self, name: &str) -> Value {
        json(&self.post(name, "queryStatus"))
    }
}

pub(crate) fn captures() -> String {
    "/subscriptions/sub/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers/\
     NetworkWatcher_westus/packetCaptures?api-version=2022-01-01"
        .into()
}

pub(crate) fn capture(name: &str) -> String {
    captures().replace('?', &format!("/{name}?"))
}

pub(crate) fn json(reply: &Reply) -> Value {
    if reply.body.is_empty() { Value::Null } else { serde_json::from_slice(&reply.body).unwrap() }
}

pub(crate) fn target(vm: &str) -> String {
    format!("/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/{vm}")
}

/// A classic capture on a machine, stored in sa1.
pub(crate) fn body(vm: &str) -> Value {
    let account = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/sa1";
    json!({ "properties": { "target": target(vm), "storageLocation": { "storageId": account } } })
}

pub(crate) fn local_body(vm: &str, path: &str) -> Value {
    json!({ "properties": { "target": target(vm), "storageLocation": { "filePath": path } } })
}
