//! What a capture is going to be: its sessions, their machines and files, and whether there is room for it.

use std::path::PathBuf;

use capkeep_watcher::{Parameters, ResourceId, TargetType};

use crate::capture::Machine;

use super::Service;
use super::State;
use super::captures::Name;
use super::ending::left;
use super::engine::Order;
use super::message::Reply;
use super::places::{self, BlobPlace};
use super::random;
use super::record::Session;

/// Name of a machine, where its packets come from, and the number of the instance where it is one.
type Origin = (String, Machine, Option<String>);

/// Code and message of an error.
type Refusal = (&'static str, String);

/// A session that is going to be: the engine's view, and ours.
pub(super) struct Planned {
    pub(super) order: Order,
    pub(super) session: Session,
}

impl Service {
    /// Why there is no room for more captures, sessions, or for a second one at the same file.
    pub(super) fn no_room(&self, state: &State, planned: &[Planned]) -> Option<Reply> {
        if state.captures.len() >= self.config.captures_at_most {
            let message = format!("There are {} captures already; delete some.", state.captures.len());
            return Some(Reply::error(400, "PacketCaptureCountLimitReached", &message));
        }
        let active = || state.active.iter().filter_map(|key| state.captures.get(key));
        let running = active().flat_map(|entry| &entry.running).flatten().count();
        let most = self.config.sessions_at_most;
        if running + planned.len() > most {
            let message = format!(
                "{running} sessions run, this would begin {} more, and {most} may run at once: stop some, or allow more.",
                planned.len()
            );
            return Some(Reply::error(400, "PacketCaptureSessionLimitReached", &message));
        }
        let is_at_work = |session: &&Session| session.over.is_none() || !session.unstored.is_empty();
        let records = || active().map(|entry| &entry.record).chain(state.leaving.values());
        let sessions = || records().flat_map(|record| &record.sessions).filter(is_at_work);
        let taken = planned.iter().find(|new| {
            sessions().any(|old| {
                let same_blob = new.session.place.is_some() && new.session.place == old.place;
                old.file == new.session.file || same_blob
            })
        });
        if let Some(taken) = taken {
            let message = format!(
                "A session that runs or is being stored has the same place already ({}). Name another file.",
                taken.session.file.display()
            );
            return Some(Reply::error(409, "Conflict", &message));
        }
        // What a capture has left is never overwritten.
        let old = planned.iter().find_map(|new| self.left_at(&new.session))?;
        let message = format!(
            "The file of an earlier capture is there ({}), and is not overwritten. Name another, or move it away.",
            old.display()
        );
        Some(Reply::error(409, "Conflict", &message))
    }

    /// A file that is where a session would write or be stored.
    fn left_at(&self, session: &Session) -> Option<PathBuf> {
        let own = (!session.is_passing).then(|| self.data.join(&session.file));
        let stored = session.place.as_ref().filter(|place| self.config.endpoint(&place.account).is_none());
        let stored = stored.map(|place| self.config.folder(&place.account, &self.data).join(&place.path));
        own.iter().chain(&stored).find_map(|path| left(path).into_iter().next())
    }

    /// The sessions a capture consists of.
    pub(super) fn plan(
        &self,
        parameters: &Parameters,
        name: &Name,
    ) -> Result<Vec<Planned>, (&'static str, String)> {
        let target: ResourceId =
            parameters.target.parse().map_err(|error| ("InvalidRequestFormat", format!("{error}.")))?;
        let is_set = parameters.target_type() == Some(TargetType::ScaleSet);
        let machines = self.machines(&target, parameters, is_set)?;
        let location = &parameters.storage_location;
        let path = location.local_path.as_ref().or(location.file_path.as_ref());
        let wrong = |what: String| ("InvalidRequestFormat", format!("properties.storageLocation: {what}."));
        let capture = name.capture;
        let local = path.map(|path| places::local(path)).transpose().map_err(wrong)?;
        let url = location.storage_path.as_deref().unwrap_or_default();
        let account = location.storage_id.as_deref().and_then(|id| id.parse::<ResourceId>().ok());
        let place = if url.is_empty() {
            None
        } else {
            let account = account.as_ref().map(ResourceId::name);
            let endpoint = self.config.endpoint_of(url, account);
            Some(places::blob(url, account, endpoint.as_ref()).map_err(wrong)?)
        };
        if let Some(place) = &place
            && !self.config.storage.is_empty()
            && self.config.account(&place.account).is_none()
        {
            let message = format!("There is no storage account {:?} here.", place.account);
            return Err(("StorageAccountNotFound", message));
        }
        Ok(machines
            .into_iter()
            .map(|(name, machine, instance)| {
                let of_machine = PathBuf::from("machines").join(&name);
                let passing = || PathBuf::from("passing").join(format!("{}_{}.cap", capture, random::guid()));
                let file = of_machine.join(local.clone().unwrap_or_else(passing));
                let place = place.as_ref().map(|place| match &instance {
                    None => place.clone(),
                    // The path of a scale set is a prefix.
                    Some(instance) => {
                        let stem = place.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                        let of = place.path.with_file_name(&stem).join("virtualMachines").join(instance);
                        BlobPlace { path: of.join(format!("{stem}.cap")), ..place.clone() }
                    }
                });
                let id = &parameters.target;
                let target = instance
                    .map_or_else(|| id.clone(), |instance| format!("{id}/virtualMachines/{instance}"));
                let session = Session {
                    machine: name.clone(),
                    target,
                    file: file.clone(),
                    is_passing: local.is_none(),
                    place,
                    ..Session::default()
                };
                let order =
                    Order { name, machine, parameters: parameters.clone(), file: self.data.join(file) };
                Planned { order, session }
            })
            .collect())
    }

    /// Machines of a target, of a scale set with the number of the instance.
    fn machines(
        &self,
        target: &ResourceId,
        parameters: &Parameters,
        is_set: bool,
    ) -> Result<Vec<Origin>, Refusal> {
        let config = &self.config;
        let machine = |name: &str| {
            let at = config.machines.get(name).cloned().unwrap_or_default();
            Machine { interface: at.interface, namespace: at.namespace }
        };
        let is_here = |name: &str, group: Option<&String>| {
            name.eq_ignore_ascii_case(target.name())
                && target.subscription.eq_ignore_ascii_case(&config.subscription)
                && config.group(group).eq_ignore_ascii_case(&target.resource_group)
        };
        let not_here = |known: Vec<&String>| {
            let message =
                format!("The target {target} is not here. In resource group and name there are: {known:?}.");
            ("TargetNotFound", message)
        };
        if !is_set {
            let found = config.machines.iter().find(|(name, at)| is_here(name, at.resource_group.as_ref()));
            let (name, _) = found.ok_or_else(|| not_here(config.machines.keys().collect()))?;
            return Ok(vec![(name.clone(), machine(name), None)]);
        }
        let found = config.scale_sets.iter().find(|(name, at)| is_here(name, at.resource_group.as_ref()));
        let (_, set) = found.ok_or_else(|| not_here(config.scale_sets.keys().collect()))?;
        let scope = parameters.scope.clone().unwrap_or_default();
        let number = |id: &String| id.rsplit('/').next().unwrap_or_default().to_owned();
        let include: Vec<String> = scope.include.iter().flatten().map(number).collect();
        let exclude: Vec<String> = scope.exclude.iter().flatten().map(number).collect();
        let numbers: Vec<String> = (0..set.machines.len()).map(|index| index.to_string()).collect();
        if let Some(unknown) = include.iter().chain(&exclude).find(|number| !numbers.contains(number)) {
            let message = format!("The scale set has no instance {unknown:?}: it has {numbers:?}.");
            return Err(("TargetNotFound", message));
        }
        let is_wanted =
            |number: &String| (include.is_empty() || include.contains(number)) && !exclude.contains(number);
        let wanted = set.machines.iter().zip(numbers).filter(|(_, number)| is_wanted(number));
        let wanted: Vec<_> =
            wanted.map(|(name, number)| (name.clone(), machine(name), Some(number))).collect();
        if wanted.is_empty() {
            return Err(("TargetNotFound", "The scope leaves no instance of the scale set.".into()));
        }
        Ok(wanted)
    }
}
