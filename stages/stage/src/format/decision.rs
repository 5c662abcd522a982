//! How probabilities become answers: [`DecisionRule`], thresholds and a temperature fitted on val.

use super::json_format;
use serde::{Deserialize, Serialize};

/// `decision.json`: what a program that uses the model's probabilities should apply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRule {
    pub schema: u32,
    pub labels: Vec<String>,
    /// How many images of val the rest was fitted on; 0: it was not fitted, thresholds are the headline's and the
    /// temperature is 1.
    pub fitted_on: u64,
    /// A threshold a label: a probability (as predicted) at or above it counts as present.
    pub thresholds: Vec<f64>,
    /// Calibrated probability = sigmoid(logit / temperature).
    pub temperature: f64,
}
json_format!(DecisionRule, "decision.json", 1);
