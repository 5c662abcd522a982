//! A stage in the lock file: [`LockedStage`], a record in few words, and what a recipe of today differs from it in.

use crate::cache::digest::Digest;
use crate::cache::records::{Outputs, Record};
use crate::params::Params;
use crate::reasons::Reason;
use crate::recipe::{Key, Recipe, SCHEMA};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// What a stage was made of and what came of it: its recipe with one digest for all of its kind's own code, and its
/// outputs. No path, time or machine is in it, so that every clone writes the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedStage {
    pub kind: String,
    pub key: Key,
    /// Of the kind's own source files, all of them.
    pub code: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The device class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Digest>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub crates: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: Params,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Artifacts>,
    pub outputs: Outputs,
}

/// The digests of an input: a string, or an array of them where it has several.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifacts(pub Vec<Digest>);

impl LockedStage {
    pub fn of(record: &Record) -> Self {
        let recipe = record.recipe.clone();
        Self {
            kind: recipe.kind,
            key: record.key,
            code: Self::code(&recipe.code),
            seed: recipe.seed,
            device: recipe.device,
            lineage: recipe.lineage,
            crates: recipe.crates,
            params: recipe.params,
            inputs: recipe.inputs.into_iter().map(|(name, digests)| (name, Artifacts(digests))).collect(),
            outputs: record.outputs.clone(),
        }
    }

    /// What a recipe of today differs in, as `why` says it, where `since` are the reasons since [`Self::before`].
    pub fn differences(&self, now: &Recipe, since: &[Reason]) -> Vec<String> {
        let mut reasons: Vec<String> = since.iter().map(ToString::to_string).collect();
        if self.kind == now.kind && self.code != Self::code(&now.code) {
            reasons.push(format!("{}'s own code changed", now.kind));
        }
        if reasons.is_empty() && now.key() != self.key {
            reasons.push(Reason::Schema.to_string());
        }
        reasons
    }

    /// The same of a recipe whose inputs are not known yet: `artifacts` says how many each input has.
    pub fn differences_but_for_inputs(&self, mut now: Recipe, artifacts: &BTreeMap<String, usize>) -> Vec<String> {
        now.lineage = self.lineage;
        for (name, number) in artifacts.iter().filter(|(_, number)| **number > 0) {
            let locked = self.inputs.get(name).map(|locked| locked.0.clone()).filter(|locked| locked.len() == *number);
            let unknown = || vec![Digest::from(blake3::hash(b"")); *number];
            now.inputs.insert(name.clone(), locked.unwrap_or_else(unknown));
        }
        let since = now.reasons_since(&self.before(&now));
        let reasons = self.differences(&now, &since);
        // Its key is not known yet.
        reasons.into_iter().filter(|reason| *reason != Reason::Schema.to_string()).collect()
    }

    /// The recipe to hold one of today against: as the file says it, but for its code, of which one digest stands for all
    /// files.
    pub fn before(&self, now: &Recipe) -> Recipe {
        Recipe { schema: now.schema, code: now.code.clone(), ..self.recipe() }
    }

    /// The recipe, as far as the file knows it: all of the kind's own code stands under one name, the empty one.
    pub fn recipe(&self) -> Recipe {
        Recipe {
            schema: SCHEMA,
            kind: self.kind.clone(),
            code: [(String::new(), self.code)].into(),
            crates: self.crates.clone(),
            device: self.device.clone(),
            seed: self.seed,
            params: self.params.clone(),
            inputs: self.inputs.iter().map(|(name, artifacts)| (name.clone(), artifacts.0.clone())).collect(),
            lineage: self.lineage,
        }
    }

    /// One digest for all of a kind's own source files.
    pub fn code(files: &BTreeMap<String, Digest>) -> Digest {
        files.get("").copied().unwrap_or_else(|| Digest::of_json("plantpipe 2026 code", files))
    }
}

impl Serialize for Artifacts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Artifacts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            One(Digest),
            Several(Vec<Digest>),
        }
        Ok(Self(match Either::deserialize(deserializer)? {
            Either::One(one) => vec![one],
            Either::Several(several) => several,
        }))
    }
}
