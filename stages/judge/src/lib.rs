//! The judging: [`ensemble::ENSEMBLE`] makes one model's predictions of several's, [`evaluate::EVALUATE`] turns
//! predictions and labels into metrics with intervals, [`compare::COMPARE`] tests models against each other, and
//! [`report::REPORT`] tells the whole experiment on one page. Pure arithmetic and text: no pixel, no tensor.

mod bootstrap;
mod calibration;
mod compare;
mod ensemble;
mod evaluate;
mod findings;
mod metrics;
mod paired;
mod pairing;
mod ranking;
mod report;
mod scoring;
mod seeds;
mod thresholds;

pub use compare::COMPARE;
pub use ensemble::ENSEMBLE;
pub use evaluate::EVALUATE;
pub use report::REPORT;

use plantpipe_stage::Kind;

/// Every kind of this crate.
pub const KINDS: &[&Kind] = &[&ENSEMBLE, &EVALUATE, &COMPARE, &REPORT];

#[cfg(test)]
mod tests;
