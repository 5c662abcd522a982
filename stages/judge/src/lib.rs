//! The judging: [`evaluate::EVALUATE`] turns predictions and labels into metrics with intervals, and
//! [`report::REPORT`] tells the whole experiment on one page. Pure arithmetic and text: no pixel, no tensor.

mod bootstrap;
mod calibration;
mod evaluate;
mod findings;
mod metrics;
mod pairing;
mod ranking;
mod report;
mod scoring;
mod thresholds;

pub use evaluate::EVALUATE;
pub use report::REPORT;

use plantpipe_stage::Kind;

/// Every kind of this crate.
pub const KINDS: &[&Kind] = &[&EVALUATE, &REPORT];

#[cfg(test)]
mod tests;
