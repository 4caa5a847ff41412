//! The emulator, started where a test needs it and stopped after the last one.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};

use azure_core::hmac::hmac_sha256;
use capkeep_storage::{Credential, Location, Secret, Settings, Store, open};
use url::form_urlencoded;

/// The emulator's account and its key, as documented.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
pub(crate) const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A running emulator.
pub(crate) struct Azurite {
    child: Child,
    /// URL of the account.
    pub(crate) url: String,
    /// Certificates, where it speaks https.
    pub(crate) tls: Option<Tls>,
}

/// A certificate authority and what it signed.
pub(crate) struct Tls {
    folder: tempfile::TempDir,
    pub(crate) authority: String,
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The emulator over http; `None`, and said, where it is not installed.
pub(crate) fn azurite(test: &str) -> Option<Arc<Azurite>> {
    static SHARED: Mutex<Weak<Azurite>> = Mutex::new(Weak::new());
    shared(&SHARED, test, None)
}

/// The same over https, where it takes tokens.
pub(crate) fn azurite_with_tokens(test: &str) -> Option<Arc<Azurite>> {
    static SHARED: Mutex<Weak<Azurite>> = Mutex::new(Weak::new());
    shared(&SHARED, test, Some(Tls::new))
}

fn shared(at: &Mutex<Weak<Azurite>>, test: &str, tls: Option<fn() -> Tls>) -> Option<Arc<Azurite>> {
    let program = std::env::var_os("CAPKEEP_TEST_AZURITE").map(PathBuf::from);
    let Some(program) = program.filter(|program| program.exists()) else {
        eprintln!(
            "SKIPPED: {test}: CAPKEEP_TEST_AZURITE names no azurite-blob (cargo xtask test installs it)"
        );
        return None;
    };
    let mut at = at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(running) = at.upgrade() {
        return Some(running);
    }
    let running = Arc::new(Azurite::start(&program, tls.map(|make| make())));
    *at = Arc::downgrade(&running);
    Some(running)
}

impl Azurite {
    fn start(program: &Path, tls: Option<Tls>) -> Self {
        let mut command = Command::new(program);
        command
            .args([
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                "0",
                "--disableTelemetry",
                "--inMemoryPersistence",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(tls) = &tls {
            command.args(["--oauth", "basic", "--cert"]).arg(tls.folder.path().join("leaf.pem"));
            command.arg("--key").arg(tls.folder.path().join("leaf.key"));
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // It says where it listens once it does.
        let url = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let at = line.find("listens on ")?;
            Some(line[at + "listens on ".len()..].trim().to_owned())
        });
        // What it logs must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let url = url.expect("azurite does not start");
        Self { child, url: format!("{url}/{ACCOUNT}"), tls }
    }

    pub(crate) fn location(&self) -> Location {
        Location::parse(&self.url).unwrap()
    }

    pub(crate) fn settings(&self) -> Settings {
        let certificate = self.tls.as_ref().map(|tls| tls.authority.clone().into_bytes());
        Settings { certificate, ..Settings::default() }
    }

    /// The account, opened with its key.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        let credential = Credential::Key { account: ACCOUNT.into(), key: Secret::new(KEY) };
        open(&self.location(), credential, &self.settings()).unwrap()
    }

    /// A request that this crate has no call for, with an answer of success.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) {
        let sas = account_sas("rwdlactfx", "2099-01-01T00:00:00Z");
        let http = reqwest::Client::builder();
        let http = match &self.tls {
            Some(tls) => {
                http.tls_certs_only([reqwest::Certificate::from_pem(tls.authority.as_bytes()).unwrap()])
            }
            None => http,
        };
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = http.build().unwrap().request(method, format!("{}/{path}?{query}&{sas}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.header("x-ms-version", "2021-12-02").body(body.to_owned()).send().await.unwrap();
        assert!(answer.status().is_success(), "{path} {query}: {}", answer.status());
    }

    /// A container of the test's own.
    pub(crate) async fn container(&self, name: &str) {
        self.send("PUT", name, "restype=container", &[], "").await;
    }
}

/// The whole account, signed.
pub(crate) fn account_sas(permissions: &str, until: &str) -> String {
    let text = format!("{ACCOUNT}\n{permissions}\nb\nsco\n\n{until}\n\n\n2019-12-12\n");
    signed(&text, &[("sv", "2019-12-12"), ("ss", "b"), ("srt", "sco"), ("sp", permissions), ("se", until)])
}

/// One container, signed.
pub(crate) fn container_sas(container: &str, permissions: &str) -> String {
    let until = "2099-01-01T00:00:00Z";
    let text =
        format!("{permissions}\n\n{until}\n/blob/{ACCOUNT}/{container}\n\n\n\n2019-12-12\nc\n\n\n\n\n\n");
    signed(&text, &[("sv", "2019-12-12"), ("sr", "c"), ("sp", permissions), ("se", until)])
}

fn signed(text: &str, pairs: &[(&str, &str)]) -> String {
    let signature = hmac_sha256(text, &Secret::new(KEY)).unwrap();
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .append_pair("sig", &signature)
        .finish()
}

impl Tls {
    fn new() -> Self {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &issuer).unwrap().pem();
        std::fs::write(folder.path().join("leaf.pem"), leaf).unwrap();
        std::fs::write(folder.path().join("leaf.key"), key.serialize_pem()).unwrap();
        Self { folder, authority }
    }
}
