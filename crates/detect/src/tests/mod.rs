//! Detectors on flows made by hand.

mod capture;
mod common;
mod network;
mod property;
mod registry;
mod security;
mod verdicts;
