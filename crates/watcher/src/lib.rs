//! Packet captures of Azure Network Watcher: the models of its REST API, the rules a request must follow, and a client
//! with one method per operation.
//!
//! The models keep what the service sends: unknown fields and texts outside an enumeration survive a round trip. What a
//! text means is asked of an accessor ([`CaptureStatus::state`], [`Filter::protocol`]).

mod client;
mod cloud;
mod credential;
mod error;
mod guard;
mod id;
mod model;
pub mod operation;
mod poll;
mod range;
mod resources;
mod rules;
mod wire;

pub use azure_core::credentials::{Secret, TokenCredential};

pub use client::{API_VERSION, Client, Settings};
pub use cloud::Cloud;
pub use credential::{Login, ServicePrincipal};
pub use error::{Error, Result};
pub use id::{IdError, ResourceId};
pub use model::{
    Capture, CaptureProperties, CaptureRequest, CaptureSettings, CaptureStatus, ErrorBody, ErrorDetail,
    Filter, Other, Page, Parameters, Protocol, Scope, State, StopReason, StorageLocation, TargetType,
};
pub use poll::{Operation, Progress};
pub use range::{Addresses, Ports, RangeError};
pub use resources::{Extension, Machine, StorageAccount, Watcher};
pub use rules::{Limit, Problem, check, check_name, limits};
