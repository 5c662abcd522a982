//! The contract between the engine and the work: what a stage kind declares ([`Kind`]), what one run of it is
//! given ([`Action`], [`Context`]), and the formats that pass between stages ([`mod@format`]).
//!
//! It is light on purpose: no pixel, no tensor. Stage crates depend on it and never on one another; the engine
//! depends on it and on no stage crate but through its registry.

mod action;
mod ahead;
pub mod checkpoint;
mod context;
mod error;
pub mod format;
mod kind;
pub mod random;
pub mod sources;

pub use action::{
    ACTION_SCHEMA, Action, Afterwards, Artifact, Event, Item, KnownFile, Opening, Outcome, Previous, PreviousItem,
    Report, Unreported,
};
pub use ahead::{Pace, ahead};
pub use checkpoint::Checkpoint;
pub use context::Context;
pub use error::{Error, IoContext, Result};
pub use kind::{ANY, Arity, Code, CodeFile, InputSpec, Kind, OutputSpec, ParamSpec, ParamType, Reads, Uses};
