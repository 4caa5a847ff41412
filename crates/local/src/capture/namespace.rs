//! Network namespaces and the interfaces in them.

use std::fs::File;
use std::io;
use std::path::{Component, Path};
use std::thread;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sched::{CloneFlags, setns};

use super::error::{CaptureError, Result, system};
use super::target::Machine;

/// Where `ip netns` keeps namespaces (ip-netns(8)).
const NAMESPACES: &str = "/run/netns";

/// Interfaces a socket is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// All of a namespace.
    All,
    /// One, with the number the kernel gave it.
    One(u32),
}

/// Runs `open` inside the namespace of a machine and hands it the interfaces to bind to.
///
/// A namespace is entered by a thread that ends here, so the process stays in its own.
///
/// # Errors
/// The namespace or the interface is not there, or may not be entered.
pub(super) fn inside<T: Send>(machine: &Machine, open: impl FnOnce(Bound) -> Result<T> + Send) -> Result<T> {
    let Some(name) = &machine.namespace else {
        let bound = match &machine.interface {
            Some(interface) => one(interface)?,
            None => Bound::All,
        };
        return open(bound);
    };
    let namespace = namespace(name)?;
    let in_namespace = move || {
        setns(namespace, CloneFlags::CLONE_NEWNET)
            .map_err(|errno| system("entering a network namespace", errno.into()))?;
        let bound = match &machine.interface {
            Some(interface) => one(interface)?,
            None => only_one()?,
        };
        open(bound)
    };
    let ended = thread::scope(|scope| {
        thread::Builder::new()
            .name("capkeep-netns".into())
            .spawn_scoped(scope, in_namespace)
            .map(thread::ScopedJoinHandle::join)
    });
    match ended {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(source) => Err(system("starting a thread", source)),
    }
}

fn namespace(name: &str) -> Result<File> {
    let mut parts = Path::new(name).components();
    let is_plain =
        matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
    if !is_plain || name.contains('\0') {
        return Err(CaptureError::NamespaceName(name.to_owned()));
    }
    File::open(Path::new(NAMESPACES).join(name)).map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => system("entering a network namespace", source),
        _ => CaptureError::NoNamespace { name: name.to_owned(), source },
    })
}

fn one(interface: &str) -> Result<Bound> {
    if_nametoindex(interface).map(Bound::One).map_err(|_| {
        let mut available: Vec<String> =
            interfaces().unwrap_or_default().into_iter().map(|(name, _)| name).collect();
        available.sort();
        CaptureError::NoInterface { name: interface.to_owned(), available }
    })
}

fn only_one() -> Result<Bound> {
    let mut candidates = interfaces()?.into_iter().filter(|(_, flags)| {
        flags.contains(InterfaceFlags::IFF_UP) && !flags.contains(InterfaceFlags::IFF_LOOPBACK)
    });
    match (candidates.next(), candidates.next()) {
        (Some((name, _)), None) => one(&name),
        _ => Ok(Bound::All),
    }
}

/// Interfaces of this thread's namespace, each once.
fn interfaces() -> Result<Vec<(String, InterfaceFlags)>> {
    let addresses = getifaddrs().map_err(|errno| system("listing interfaces", errno.into()))?;
    let mut found: Vec<(String, InterfaceFlags)> = Vec::new();
    for address in addresses {
        if !found.iter().any(|(name, _)| *name == address.interface_name) {
            found.push((address.interface_name, address.flags));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_a_plain_name() {
        for name in ["", ".", "..", "a/b", "/etc/passwd", "a/", "../x", "a\0b"] {
            assert!(matches!(namespace(name), Err(CaptureError::NamespaceName(_))), "{name:?}");
        }
        assert!(matches!(namespace("no-such-namespace-here"), Err(CaptureError::NoNamespace { .. })));
    }

    #[test]
    fn an_interface_that_is_not_there_is_told_with_those_that_are() {
        let Err(CaptureError::NoInterface { available, .. }) = one("no-such-thing") else {
            panic!("found it");
        };
        assert!(available.iter().any(|name| name == "lo"), "{available:?}");
    }
}
