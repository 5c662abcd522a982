//! What a stage run *is*: [`Recipe`], whose digest is its [`Key`]; and why a stage is stale: the difference of two.

use crate::cache::digest::Digest;
use crate::device::Device;
use crate::params::Params;
use crate::pipeline::Stage;
use crate::reasons::{Change, InputChange, Reason};
use plantpipe_stage::Kind;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A recipe's digest.
pub type Key = Digest;

/// Version of the recipe's form: another version's results are not this one's.
pub const SCHEMA: u32 = 1;

/// Everything that a result depends on, and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    pub schema: u32,
    pub kind: String,
    /// `room/file` -> digest of the kind's own source.
    pub code: BTreeMap<String, Digest>,
    /// Crate -> locked version.
    pub crates: BTreeMap<String, String>,
    /// Device class.
    pub device: Option<String>,
    pub seed: Option<u64>,
    pub params: Params,
    /// Input name -> digests of the parts read, in order.
    pub inputs: BTreeMap<String, Vec<Digest>>,
    /// Digest of the lineage, for a kind that tells it.
    pub lineage: Option<Digest>,
}

impl Recipe {
    /// The part of a recipe that the kind itself gives.
    pub fn of_kind(kind: &Kind) -> Self {
        Self {
            schema: SCHEMA,
            kind: kind.name.to_owned(),
            code: code(kind),
            crates: crates(kind),
            device: None,
            seed: None,
            params: Params::new(),
            inputs: BTreeMap::new(),
            lineage: None,
        }
    }

    /// What the pipeline file and the device give: all but what the inputs hold.
    pub fn declared(stage: &Stage, device: &Device) -> Self {
        let uses = stage.kind.uses;
        Self {
            params: stage.params.clone(),
            seed: uses.seed.then_some(stage.seed),
            device: uses.device.then(|| device.class().to_owned()),
            ..Self::of_kind(stage.kind)
        }
    }

    pub fn key(&self) -> Key {
        Digest::of_json("plantpipe 2026 recipe", self)
    }

    /// What stays the same from one run of a per-item stage to the next: the recipe without the inputs that it works
    /// through item by item.
    pub fn family(&self, items: &[&str]) -> Key {
        let mut recipe = self.clone();
        recipe.inputs.retain(|name, _| !items.contains(&name.as_str()));
        Digest::of_json("plantpipe 2026 family", &recipe)
    }

    /// What runs have in common that may go on from one another's checkpoints: the recipe without the params that may grow.
    pub fn resume(&self, grows: &[&str]) -> Key {
        let mut recipe = self.clone();
        recipe.params.retain(|name, _| !grows.contains(&name.as_str()));
        Digest::of_json("plantpipe 2026 resume", &recipe)
    }

    /// What differs from an earlier recipe.
    pub fn reasons_since(&self, before: &Self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if self.schema != before.schema {
            reasons.push(Reason::Schema);
        }
        if self.kind != before.kind {
            reasons.push(Reason::Kind { before: before.kind.clone(), after: self.kind.clone() });
        }
        for (name, old, new) in differences(&before.params, &self.params) {
            reasons.push(Reason::Param { name: name.to_owned(), before: old.cloned(), after: new.cloned() });
        }
        for (name, old, new) in differences(&before.inputs, &self.inputs) {
            let change = match (old, new) {
                (None, _) => InputChange::New,
                (_, None) => InputChange::Gone,
                (Some(old), Some(new)) if old.len() != new.len() => {
                    InputChange::Artifacts { before: old.len(), after: new.len() }
                }
                _ => InputChange::Changed { artifacts: Vec::new() },
            };
            reasons.push(Reason::Input { name: name.to_owned(), change });
        }
        for (file, old, new) in differences(&before.code, &self.code) {
            let change = match (old, new) {
                (None, _) => Change::New,
                (_, None) => Change::Gone,
                _ => Change::Changed,
            };
            reasons.push(Reason::Code { kind: self.kind.clone(), file: file.to_owned(), change });
        }
        for (name, old, new) in differences(&before.crates, &self.crates) {
            reasons.push(Reason::Crate { name: name.to_owned(), before: old.cloned(), after: new.cloned() });
        }
        if self.seed != before.seed {
            reasons.push(Reason::Seed { before: before.seed, after: self.seed });
        }
        if self.device != before.device {
            reasons.push(Reason::Device { before: before.device.clone(), after: self.device.clone() });
        }
        // The lineage repeats what the inputs' own stages say; it's a reason of its own only when nothing else is.
        if self.lineage != before.lineage && reasons.is_empty() {
            reasons.push(Reason::Lineage);
        }
        reasons
    }
}

/// The keys whose values differ, in order.
fn differences<'a, T: PartialEq>(
    before: &'a BTreeMap<String, T>,
    after: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = (&'a str, Option<&'a T>, Option<&'a T>)> {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    keys.into_iter()
        .map(|key| (key.as_str(), before.get(key), after.get(key)))
        .filter(|(_, before, after)| before != after)
}

fn code(kind: &Kind) -> BTreeMap<String, Digest> {
    let file = |room: &str, file: &plantpipe_stage::CodeFile| {
        (format!("{room}/{}", file.name), Digest::from(blake3::hash(file.text.as_bytes())))
    };
    kind.code.iter().flat_map(|code| code.files.iter().map(|entry| file(code.room, entry))).collect()
}

/// Name and version of every locked crate, from Cargo.lock.
const LOCKED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/locked.rs"));

fn crates(kind: &Kind) -> BTreeMap<String, String> {
    let version = |name: &str| {
        let versions: Vec<&str> =
            LOCKED.iter().filter(|(known, _)| *known == name).map(|(_, version)| *version).collect();
        versions.join(" and ")
    };
    kind.crates.iter().map(|name| ((*name).to_owned(), version(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn recipe() -> Recipe {
        Recipe {
            schema: SCHEMA,
            kind: "train".into(),
            code: [("learn/train.rs".into(), blake3::hash(b"a").into())].into(),
            crates: [("burn".into(), "0.22.1".into())].into(),
            device: Some("cpu".into()),
            seed: Some(42),
            params: [("lr".into(), json!(0.001))].into(),
            inputs: [("shards".into(), vec![blake3::hash(b"x").into()])].into(),
            lineage: None,
        }
    }

    #[test]
    fn each_difference_is_said_and_changes_the_key() {
        type Edit<'a> = &'a dyn Fn(&mut Recipe);
        let before = recipe();
        let params = |r: &mut Recipe, name: &str, value| r.params.extend([(name.to_owned(), value)]);
        let cases: [(Edit<'_>, &str); 8] = [
            (&|r| params(r, "lr", json!(3e-4)), "lr: 0.001 -> 0.0003"),
            (&|r| params(r, "ema", json!(true)), "ema: not there -> true"),
            (&|r| r.inputs.get_mut("shards").unwrap()[0] = blake3::hash(b"y").into(), "input `shards` changed"),
            (&|r| r.inputs.clear(), "input `shards` is gone"),
            (&|r| r.code.clear(), "train's own code: learn/train.rs is gone"),
            (&|r| *r.crates.get_mut("burn").unwrap() = "0.23.0".into(), "crate burn: 0.22.1 -> 0.23.0"),
            (&|r| r.seed = Some(43), "seed: 42 -> 43"),
            (&|r| r.device = Some("cuda".into()), "device: cpu -> cuda"),
        ];
        for (edit, reason) in cases {
            let mut after = recipe();
            edit(&mut after);
            let reasons: Vec<String> = after.reasons_since(&before).iter().map(ToString::to_string).collect();
            assert_eq!(reasons, [reason]);
            assert_ne!(after.key(), before.key(), "{reason}");
        }
        assert!(before.reasons_since(&before).is_empty());
    }
}
