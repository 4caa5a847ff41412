//! Looking: the captures and machines of all subscriptions, the files of all accounts.
//!
//! What cannot be listed is told, and makes unsure what depends on it. It never ends the look.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;

use capkeep_cleanup::{
    CaptureFile, Completeness, Decider, Facts, KnownCapture, Listed, Memory, Row, Source, World,
};
use capkeep_storage::{Blob, Error as StorageError, Include, Location, Query, Store, pages};
use capkeep_watcher::{Client, ResourceId, StorageAccount, Watcher};
use futures_util::StreamExt;
use tokio::sync::OnceCell;

use super::looking::Looking;
use super::scope::Scope;
use crate::azure::{AT_ONCE, Everywhere};
use crate::failure::hinted;
use crate::ledger::Ledger;
use crate::storage::{self, Stores};
use crate::targets::{DEFAULT_CONTAINER, is_place};

/// Containers listed side by side (chosen: each list is one page after the other).
const CONTAINERS_AT_ONCE: usize = 8;

/// What has to be permitted in the whole subscription for its list of captures to be complete.
const READS: &[&str] =
    &["Microsoft.Network/networkWatchers/read", "Microsoft.Network/networkWatchers/packetCaptures/read"];

/// Looks around.
pub(super) struct Survey<'a> {
    pub(super) scope: &'a Scope,
    pub(super) stores: Stores<'a>,
    pub(super) looking: Looking,
    everywhere: OnceCell<Everywhere>,
}

/// What was seen of captures, machines and accounts.
pub(super) struct Look {
    pub(super) world: World,
    /// Accounts that Azure Resource Manager tells of.
    pub(super) accounts: Vec<Account>,
    /// What could not be listed, in words.
    pub(super) lacks: Vec<String>,
}

/// A storage account.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// Its name.
    pub(super) name: String,
    /// Where it is.
    pub(super) at: Location,
    /// Azure Resource Manager told where it is.
    pub(super) is_told: bool,
    /// The one container that is meant.
    container: Option<String>,
}

impl Account {
    /// Its URL, without container and signature.
    pub(super) fn url(&self) -> String {
        base_url(&self.at)
    }
}

/// URL of the account or folder of a location.
pub(super) fn base_url(at: &Location) -> String {
    match (at.account_url(), at.folder()) {
        (Some(url), _) => url.as_str().trim_end_matches('/').to_owned(),
        (_, Some(folder)) => Location::folder_at(folder).to_string(),
        _ => String::new(),
    }
}

/// What the ledger remembers of files.
#[derive(Default)]
pub(super) struct Remembered {
    captures: Memory,
    fetched: HashMap<String, String>,
    reported: HashSet<String>,
    /// Containers, and the accounts they were seen in.
    containers: BTreeSet<(String, String)>,
}

impl<'a> Survey<'a> {
    pub(super) fn new(scope: &'a Scope, quiet: bool) -> Self {
        let stores = scope.storage.stores(&scope.azure);
        Self { scope, stores, looking: Looking::new(quiet), everywhere: OnceCell::new() }
    }

    /// Lists captures, machines and accounts of all subscriptions side by side.
    pub(super) async fn look(&self) -> anyhow::Result<Look> {
        self.looking.say("listing captures");
        let connect = || self.scope.azure.connect_everywhere();
        let everywhere = self.everywhere.get_or_try_init(connect).await?;
        let parts = everywhere.subscriptions.iter().cloned().map(|id| async move {
            let part = part(everywhere, &id).await;
            (id, part)
        });
        let parts: Vec<_> = futures_util::stream::iter(parts).buffered(AT_ONCE).collect().await;
        let mut look = Look { world: World::default(), accounts: Vec::new(), lacks: Vec::new() };
        for (id, part) in parts {
            look.world.captures.extend(part.captures);
            for (id, region) in &part.machines {
                look.world.add_machine(id, region);
            }
            look.world.add_subscription(&id, part.listed);
            look.lacks
                .extend(part.no_accounts.map(|why| format!("storage accounts of subscription {id}: {why}")));
            for account in part.accounts {
                match storage::endpoint(&self.scope.azure, &account.properties) {
                    Ok(Some(at)) => {
                        look.accounts.push(Account {
                            name: account.name,
                            at,
                            is_told: true,
                            container: None,
                        });
                    }
                    // Not every kind of account has blobs.
                    Ok(None) => {}
                    Err(error) => look.lacks.push(format!("storage account {}: {error}", account.name)),
                }
            }
        }
        self.looking.rest();
        let mut lacks = look.world.lacks();
        lacks.append(&mut look.lacks);
        look.lacks = lacks;
        Ok(look)
    }

    /// The accounts that are meant.
    pub(super) fn accounts(&self, look: &Look) -> anyhow::Result<Vec<Account>> {
        if self.scope.account.is_empty() {
            return Ok(look.accounts.clone());
        }
        self.scope.account.iter().map(|named| named_account(named, &look.accounts)).collect()
    }

    /// Lists the files of all accounts that are meant side by side, decides each, and hands it over. Tells what could not
    /// be listed.
    pub(super) async fn files(
        &self,
        accounts: &[Account],
        decider: &Decider,
        remembered: &Remembered,
        sink: &(dyn Fn(Row) + Sync),
    ) -> Vec<String> {
        let mut lacks = Vec::new();
        let mut work = Vec::new();
        for account in accounts {
            let store = match self.stores.open(&account.at, account.is_told) {
                Ok(store) => store,
                Err(error) => {
                    lacks.push(format!("storage account {}: {error:#}", account.name));
                    continue;
                }
            };
            match self.containers(decider, account, store.as_ref(), remembered).await {
                Ok(names) => {
                    work.extend(names.into_iter().map(|name| (account, Arc::clone(&store), name)));
                }
                Err(error) => lacks.push(format!("containers of storage account {}: {error}", account.name)),
            }
        }
        let jobs = work.into_iter().map(|(account, store, (container, is_named))| async move {
            let url = account.url();
            let listed = each_page(store.as_ref(), &container, |page| {
                self.looking.files(page.len());
                for blob in page {
                    let facts = remembered.of(&account.name, store.as_ref(), &blob);
                    let file = CaptureFile { account: &account.name, blob: &blob, facts: facts.as_ref() };
                    let finding = decider.decide(&file, jiff::Timestamp::now());
                    sink(Row::new(&url, &blob, finding, facts));
                }
            });
            match listed.await {
                Ok(()) => None,
                // An account that never held a capture.
                Err(StorageError::Missing { .. }) if !is_named => None,
                Err(error) => {
                    Some(format!("container {container} of storage account {}: {error}", account.name))
                }
            }
        });
        let found: Vec<_> =
            futures_util::stream::iter(jobs).buffer_unordered(CONTAINERS_AT_ONCE).collect().await;
        self.looking.rest();
        lacks.extend(found.into_iter().flatten());
        lacks
    }

    /// Names of containers to look into, and whether somebody named them.
    async fn containers(
        &self,
        decider: &Decider,
        account: &Account,
        store: &dyn Store,
        remembered: &Remembered,
    ) -> capkeep_storage::Result<Vec<(String, bool)>> {
        if let Some(container) = &account.container {
            return Ok(vec![(container.clone(), true)]);
        }
        if !self.scope.container.is_empty() {
            return Ok(self.scope.container.iter().map(|name| (name.clone(), true)).collect());
        }
        let mut found = BTreeSet::new();
        if self.scope.all_containers {
            let mut marker = None;
            loop {
                let page = store.containers(marker.as_deref()).await?;
                let count = found.len();
                found.extend(page.items.into_iter().map(|container| container.name));
                match page.next {
                    Some(next) if found.len() > count => marker = Some(next),
                    _ => break,
                }
            }
        } else {
            found.insert(DEFAULT_CONTAINER.to_owned());
            let of_captures = decider.world().captures.iter().filter_map(|capture| {
                container_of(capture.storage_path.as_deref()?, capture.storage_id.as_deref())
            });
            let named = of_captures.chain(remembered.containers.iter().cloned());
            let is_here = |name: &str| name.eq_ignore_ascii_case(&account.name);
            found.extend(named.filter(|(name, _)| is_here(name)).map(|(_, container)| container));
        }
        Ok(found.into_iter().map(|name| (name, false)).collect())
    }
}

/// What one subscription has.
struct Part {
    captures: Vec<KnownCapture>,
    machines: Vec<(String, String)>,
    accounts: Vec<StorageAccount>,
    no_accounts: Option<String>,
    listed: Listed,
}

async fn part(everywhere: &Everywhere, id: &str) -> Part {
    let client = &everywhere.client;
    let ((captures, regions, lack), machines, sets, accounts, missing) = tokio::join!(
        captures(everywhere, id),
        client.machines(id),
        client.scale_sets(id),
        client.storage_accounts(id),
        client.missing_permissions_in(id, READS),
    );
    let mut known = Vec::new();
    let mut no_machines = None;
    for list in [machines, sets] {
        match list {
            Ok(list) => known.extend(list.into_iter().map(|machine| (machine.id, machine.location))),
            Err(error) => no_machines = Some(error.to_string()),
        }
    }
    let (accounts, no_accounts) = match accounts {
        Ok(accounts) => (accounts, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let completeness = |lack: Option<String>| lack.map_or(Completeness::Whole, Completeness::Partly);
    // Who may read all watchers sees all of them; who may not sees some, and is not told.
    let sees_all = missing.is_ok_and(|missing| missing.is_empty());
    let listed = Listed {
        captures: completeness(lack),
        machines: completeness(no_machines),
        regions: (!sees_all).then_some(regions),
    };
    Part { captures, machines: known, accounts, no_accounts, listed }
}

/// Captures of a subscription, the regions with a watcher, and what is not complete about it.
async fn captures(
    everywhere: &Everywhere,
    subscription: &str,
) -> (Vec<KnownCapture>, BTreeSet<String>, Option<String>) {
    let client = &everywhere.client;
    let mut watchers = match client.watchers(subscription).await {
        Ok(watchers) => watchers,
        Err(error) => return (Vec::new(), BTreeSet::new(), Some(error.to_string())),
    };
    let regions = watchers.iter().map(|watcher| watcher.location.clone()).collect();
    let mut lacks: Vec<String> =
        everywhere.only.iter().map(|only| format!("only {only} was asked for")).collect();
    watchers.retain(|watcher| everywhere.means(watcher));
    let lists = watchers.into_iter().map(|watcher| async move {
        of_watcher(client, &watcher).await.map_err(|why| format!("{}: {why}", watcher.location))
    });
    let lists: Vec<_> = futures_util::stream::iter(lists).buffered(AT_ONCE).collect().await;
    let mut found = Vec::new();
    for list in lists {
        match list {
            Ok(list) => found.extend(list),
            Err(why) => lacks.push(why),
        }
    }
    (found, regions, (!lacks.is_empty()).then(|| lacks.join("; ")))
}

async fn of_watcher(client: &Client, watcher: &Watcher) -> Result<Vec<KnownCapture>, String> {
    let id: ResourceId = watcher.id.parse().map_err(|error| format!("{error}"))?;
    let all = client.captures(&id).await.map_err(|error| error.to_string())?;
    let known = all.into_iter().map(|capture| async move {
        let known = KnownCapture::new(&capture, None);
        match capture.id.parse::<ResourceId>() {
            // A status that cannot be read leaves the capture without a time: what may be its file is unsure then.
            Ok(id) if known.needs_status() => {
                KnownCapture::new(&capture, client.status(&id).await.ok().as_ref())
            }
            _ => known,
        }
    });
    Ok(futures_util::stream::iter(known).buffered(AT_ONCE).collect().await)
}

fn named_account(named: &str, known: &[Account]) -> anyhow::Result<Account> {
    if !is_place(named) {
        let found = known.iter().find(|account| account.name.eq_ignore_ascii_case(named));
        return found.cloned().ok_or_else(|| {
            let all: Vec<&str> = known.iter().map(|account| account.name.as_str()).collect();
            let hint = if all.is_empty() {
                "you see none; name it by its URL".to_owned()
            } else {
                format!("you see: {}; others are named by their URL", all.join(", "))
            };
            hinted(format!("no storage account is named {named:?}"), hint)
        });
    }
    let at = Location::parse(named).map_err(storage::told)?;
    let url = base_url(&at);
    let same = known.iter().find(|account| account.url().eq_ignore_ascii_case(&url));
    Ok(Account {
        name: same.map_or_else(|| at.account(), |account| account.name.clone()),
        is_told: same.is_some(),
        container: at.container().map(str::to_owned),
        at,
    })
}

/// Account and container that a capture's path names.
fn container_of(path: &str, storage_id: Option<&str>) -> Option<(String, String)> {
    let at = Location::parse_plain(path).ok()?;
    let account = storage_id.and_then(|id| id.rsplit('/').next()).map(str::to_owned);
    Some((account.unwrap_or_else(|| at.account()), at.container()?.to_owned()))
}

/// What to ask for besides the blobs, the most first: tags take a permission of their own, and not every service knows all
/// of it.
const WISHES: [Include; 4] = [
    Include { metadata: true, tags: true, holds: true, snapshots: false, deleted: false, versions: false },
    Include { metadata: true, tags: false, holds: true, snapshots: false, deleted: false, versions: false },
    Include { metadata: true, tags: false, holds: false, snapshots: false, deleted: false, versions: false },
    Include { metadata: false, tags: false, holds: false, snapshots: false, deleted: false, versions: false },
];

async fn each_page(
    store: &dyn Store,
    container: &str,
    mut page: impl FnMut(Vec<Blob>),
) -> capkeep_storage::Result<()> {
    for (at, include) in WISHES.into_iter().enumerate() {
        let query = Query { include, ..Query::default() };
        let mut list = pin!(pages(store, container, &query));
        let mut is_first = true;
        loop {
            match list.next().await {
                Some(Ok(blobs)) => page(blobs),
                Some(Err(
                    StorageError::Denied { .. }
                    | StorageError::Refused { .. }
                    | StorageError::Unsupported { .. }
                    | StorageError::Unexpected { .. },
                )) if is_first && at + 1 < WISHES.len() => break,
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            }
            is_first = false;
        }
    }
    Ok(())
}

impl Remembered {
    /// What the ledger of this machine remembers. Without one there is less to tell.
    pub(super) fn load() -> anyhow::Result<Self> {
        let ledger = Ledger::open()?;
        let mut remembered =
            Self { fetched: ledger.fetched()?, reported: ledger.reported()?, ..Self::default() };
        for known in ledger.captures()? {
            let Some(path) = known.storage_path.as_deref().filter(|path| !path.is_empty()) else { continue };
            let time = |text: &str| text.parse().ok();
            let at = time(&known.at);
            let facts = Facts {
                source: Source::Ledger,
                capture: Some(known.id.clone()),
                name: Some(known.name.clone()),
                machine: Some(known.target.clone()),
                began: known.started.as_deref().and_then(time),
                deleted: at.filter(|_| known.is_deleted),
                touched: at,
                ..Facts::default()
            };
            remembered.captures.add(path, known.storage_id.as_deref(), &facts);
            remembered.containers.extend(container_of(path, known.storage_id.as_deref()));
        }
        Ok(remembered)
    }

    /// What blob and ledger tell of a file.
    fn of(&self, account: &str, store: &dyn Store, blob: &Blob) -> Option<Facts> {
        let of_ledger = self.captures.of(account, &blob.name).cloned();
        let mut facts = Facts::joined(Facts::of_blob(blob), of_ledger);
        if !self.fetched.is_empty() || !self.reported.is_empty() {
            let url = store.url(&blob.name);
            let fetched = self.fetched.get(&url).and_then(|text| text.parse().ok());
            if fetched.is_some() || self.reported.contains(&url) {
                let facts = facts.get_or_insert_with(Facts::default);
                facts.fetched = facts.fetched.max(fetched);
                facts.has_report |= self.reported.contains(&url);
            }
        }
        facts
    }
}

/// How many files, bytes and what a month of them costs, by verdict.
pub(super) type Totals = BTreeMap<capkeep_cleanup::Verdict, (usize, u64, f64)>;
