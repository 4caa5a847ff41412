//! Detectors on flows and packets made by hand.

mod capture;
mod common;
mod hostile;
mod names;
mod network;
mod property;
mod registry;
mod secrets;
mod security;
mod verdicts;
mod wire;
