//! The section **Provenance**: what would have to be the same to get this page again, byte for byte.

use super::comparison::{Entry, by_model};
use super::document::{Block, Table};
use super::material::{Material, by_group, in_short};
use super::summary::architecture;
use super::words::{code, count, digest, text};
use plantpipe_stage::format::{Lineage, ModelCard};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn section(material: &Material) -> Vec<Block> {
    let lineage = &material.lineage;
    let parts = [
        ("Run", run(lineage)),
        ("Sources", sources(lineage)),
        ("Stages", stages(lineage)),
        ("Models", models(material)),
        ("Crates", crates(lineage)),
    ];
    let mut blocks = vec![Block::text(
        "Digests are blake3, the first 12 hex digits. Times and the machine stand in `run.md`, beside this page and not \
         part of it.",
    )];
    for (heading, table) in parts.into_iter().filter(|(_, table)| !table.is_empty()) {
        blocks.extend([Block::heading(heading), Block::Table(table)]);
    }
    blocks
}

fn run(lineage: &Lineage) -> Table {
    let mut table = Table::new("What was run", &["", ""], 2);
    table.row(["pipeline".into(), code(&lineage.pipeline)]);
    table.row(["profile".into(), lineage.profile.as_ref().map_or("none".to_owned(), |profile| code(profile))]);
    table.row(["seed".into(), lineage.seed.to_string()]);
    table.row(["plantpipe".into(), text(&lineage.version)]);
    let devices: BTreeSet<&String> = lineage.ancestors.iter().filter_map(|stage| stage.device.as_ref()).collect();
    if !devices.is_empty() {
        let devices: Vec<String> = devices.into_iter().map(|device| code(device)).collect();
        table.row(["device class".into(), devices.join(", ")]);
    }
    table
}

fn sources(lineage: &Lineage) -> Table {
    let mut table = Table::new("The files given, by what is in them", &["source", "digest"], 2);
    for source in lineage.ancestors.iter().filter(|ancestor| ancestor.kind.is_none()) {
        let digests: Vec<String> = source.outputs.values().map(|hex| digest(hex)).collect();
        table.row([code(&source.name), digests.join(" ")]);
    }
    table
}

fn stages(lineage: &Lineage) -> Table {
    let mut table = Table::new("What each stage gave", &["stage", "kind", "device", "outputs"], 4);
    let stages = lineage.ancestors.iter().filter(|ancestor| ancestor.kind.is_some());
    for (group, stages) in by_group(stages, |stage| stage.group.as_deref()) {
        if let Some(group) = group {
            table.group(group, stages.len(), stages[0].kind.as_deref().map(code));
        }
        for stage in stages {
            let outputs: Vec<String> =
                stage.outputs.iter().map(|(name, hex)| format!("{} {}", text(name), digest(hex))).collect();
            let outputs = if outputs.is_empty() { "this page".to_owned() } else { outputs.join(", ") };
            let device = stage.device.as_deref().map_or("any".to_owned(), code);
            table.row([code(&stage.name), stage.kind.as_deref().map(code).unwrap_or_default(), device, outputs]);
        }
    }
    table
}

/// A row's name, and what it says of a card.
type Field<'a> = (&'a str, &'a dyn Fn(&ModelCard) -> String);

/// The cards of the models.
fn models(material: &Material) -> Table {
    let fields: [Field; 9] = [
        ("architecture", &|card| architecture(&card.arch)),
        ("parameters", &|card| count(card.parameters)),
        ("input", &|card| format!("{0} × {0} px, RGB", card.preprocessing.size)),
        ("mean", &|card| triple(card.preprocessing.mean)),
        ("std", &|card| triple(card.preprocessing.std)),
        ("batch-norm eps", &|card| format!("{:e}", card.norm_eps)),
        ("started from", &|card| start(material, card)),
        ("epoch kept", &|card| card.epoch.to_string()),
        ("seed", &|card| card.seed.to_string()),
    ];
    let models = material.models.iter().map(|model| Entry {
        head: code(&model.stage),
        group: model.group.clone(),
        cells: fields.iter().map(|(_, field)| field(&model.content.card)).collect(),
    });
    by_model("The models, by their cards", "", &fields.map(|(name, _)| name), &models.collect::<Vec<_>>())
}

/// One value where the channels share it.
fn triple(channels: [f64; 3]) -> String {
    let [r, g, b] = channels.map(|value| value.to_string());
    if r == g && g == b { r } else { format!("{r}, {g}, {b}") }
}

/// Which weights a training started from, by the name of the source that has their digest.
fn start(material: &Material, card: &ModelCard) -> String {
    let Some(hex) = &card.pretrained else { return "random weights".to_owned() };
    let owner = material.lineage.ancestors.iter().find(|ancestor| ancestor.outputs.values().any(|known| known == hex));
    let name = owner.map(|ancestor| format!("{} ", code(&ancestor.name))).unwrap_or_default();
    format!("{name}{}", digest(hex))
}

/// A row a crate: its locked version and the stages that compute with it.
fn crates(lineage: &Lineage) -> Table {
    let mut users: BTreeMap<(&String, &String), Vec<&str>> = BTreeMap::new();
    for stage in &lineage.ancestors {
        for locked in &stage.crates {
            users.entry(locked).or_default().push(stage.name.as_str());
        }
    }
    let mut table = Table::new("The crates that stages compute with", &["crate", "version", "used by"], 3);
    for ((name, version), stages) in users {
        let stages: Vec<String> = in_short(lineage, stages).iter().map(|(name, _)| code(name)).collect();
        table.row([code(name), text(version), stages.join(" ")]);
    }
    table
}
