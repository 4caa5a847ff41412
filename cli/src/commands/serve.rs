//! `capkeep serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use capkeep_local::{Clock, Config, Fault, Packets, Server, Service, ServiceError};
use serde::Deserialize;

use super::Done;
use crate::failure::hinted;
use crate::ledger::state_folder;
use crate::output;

/// Run a Network Watcher on this machine
///
/// Speaks the same REST API as Azure's, so that capkeep, the Azure CLI and the SDKs work with it as they are, and captures
/// real packets: of this machine, of one of its interfaces, or of a network namespace. When a session ends its files go to
/// a folder, laid out as in a storage account, or to blob storage. What cannot be stored is kept and tried again.
///
/// Answers http and https on the same port, the latter with a certificate of its own. Ends with Ctrl-C: what runs is
/// stopped and its files are stored. Capturing needs root, or the capabilities `CAP_NET_RAW` and `CAP_NET_ADMIN`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Serve {
    /// Address to listen at; another machine's requests need a token in `CAPKEEP_SERVE_TOKEN`
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,

    /// Machines, scale sets and storage accounts, in TOML [default: this machine by the name of its host]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Folder for captures, their files and the certificate [default: ~/.local/state/capkeep/local]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,

    /// Things that go wrong on purpose, in TOML: for tests
    #[arg(long, value_name = "FILE", hide = true)]
    faults: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
A configuration:
  regions = [\"westeurope\"]
  [machines.web1]
  namespace = \"web1\"        # ip netns; its interface, or all of them
  [machines.this]
  interface = \"eth0\"
  [scale_sets.front]
  machines = [\"web1\", \"this\"]
  [storage.logs]
  folder = \"/srv/captures\"   # without any account every name is one, below the data folder
  [storage.azure]
  endpoint = \"https://azure.blob.core.windows.net\"
  key_env = \"LOGS_KEY\"       # or connection_string_env, sas_env; or key, connection_string, sas

Example, in another terminal:
  export CAPKEEP_ENDPOINT=http://127.0.0.1:8443 CAPKEEP_LOGIN=none
  capkeep vm list";

#[derive(Deserialize)]
struct Faults {
    fault: Vec<Fault>,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<Done> {
        let config = match &self.config {
            Some(path) => {
                let text = read(path)?;
                Config::from_toml(&text, |name| std::env::var(name).ok())
                    .map_err(told)
                    .with_context(|| format!("cannot use {}", path.display()))?
            }
            None => Config::this_machine(host().trim()),
        };
        let faults = match &self.faults {
            Some(path) => toml::from_str::<Faults>(&read(path)?).context("cannot use the faults")?.fault,
            None => Vec::new(),
        };
        let data = match self.data {
            Some(data) => data,
            None => state_folder().context("no home folder: name a folder with --data")?.join("local"),
        };
        let clock: Clock =
            Arc::new(|| i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX));
        let mut machines = config.machines.keys().cloned().collect::<Vec<_>>().join(", ");
        if machines.is_empty() {
            machines.push_str("none");
        }
        let token = std::env::var("CAPKEEP_SERVE_TOKEN").ok();
        let service = Service::open(config, &data, Arc::new(Packets), clock).map_err(told)?;
        let service = service.with_token(token).with_faults(faults);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.context("cannot wait for the network")?;
        let done = runtime.block_on(async {
            let server = Server::bind(self.listen, &data, service).await.map_err(told)?;
            let (address, certificate) = (server.address(), server.certificate().display().to_string());
            let words = format!(
                "listening on http://{address} and https://{address}\n  machines     {machines}\n  data         {}\n  \
                 certificate  {certificate}\n",
                data.display()
            );
            output::print(words.as_bytes())?;
            server.run(interrupted()).await;
            Ok(Done::Fully)
        });
        // A file that is being uploaded is uploaded again after the next start.
        runtime.shutdown_background();
        done
    }
}

/// Ready once this process shall end.
async fn interrupted() {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
    let terminated = async {
        match &mut terminate {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        // If nobody can listen for Ctrl-C it ends the process by itself.
        Ok(()) = tokio::signal::ctrl_c() => {}
    }
}

fn read(path: &PathBuf) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Name of this machine.
fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "localhost".to_owned())
}

fn told(error: ServiceError) -> anyhow::Error {
    match &error {
        ServiceError::NoToken { .. } => {
            let hint = "put a secret into CAPKEEP_SERVE_TOKEN, and into CAPKEEP_TOKEN of those who ask";
            hinted(error.to_string(), hint)
        }
        _ => anyhow::Error::new(error),
    }
}
