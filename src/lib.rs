//! The engine of plantpipe: it orders the work and knows no pixel and no tensor.
//!
//! Its rooms, in the order a run goes through them: text -> [`pipeline`] -> [`graph`] -> [`assess`] (recipe, key, state)
//! -> [`scheduler`] -> [`executor`] -> stage -> [`cache`] (artifact, record); events flow to the [`console`]. Nobody
//! calls backwards.

// Without downloads, what is told and remembered of them stands idle.
#![cfg_attr(not(feature = "download"), allow(dead_code))]

mod assess;
mod bars;
mod cache;
mod cli;
mod conduct;
mod console;
mod device;
mod diff;
mod document;
#[cfg(feature = "download")]
mod download;
mod error;
mod event;
mod exec;
mod executor;
mod frozen;
mod gc;
mod graph;
mod interrupt;
mod items;
mod lock;
mod locked;
mod matrix;
mod params;
mod pipeline;
mod project;
mod publish;
mod reasons;
mod recipe;
pub mod registry;
mod run_record;
mod runs;
mod scheduler;
mod sources;
mod text;
mod trace;
mod verify;

pub use cli::main;
