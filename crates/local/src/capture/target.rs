//! What is captured: this machine, one of its interfaces, or a network namespace.

/// What stands for a virtual machine here.
///
/// Without an interface all are captured; in a namespace the only one that is up besides the loopback is, if it is the
/// only one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Machine {
    /// The interface. `None`: see above.
    pub interface: Option<String>,
    /// The network namespace, by its name below `/run/netns`. `None`: that of this process.
    pub namespace: Option<String>,
}
