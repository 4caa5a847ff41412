//! A Network Watcher on your own machine: the REST API of packet captures, and sessions that capture real packets.

pub mod capture;

mod certificate;
mod server;
mod service;

pub use server::Server;
pub use service::{
    Action, Clock, Config, Engine, Fault, MachineConfig, Mishap, Order, Packets, Reply, Request, Running,
    ScaleSet, Service, ServiceError, Storage, Watcher,
};
