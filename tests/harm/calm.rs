//! What an undisturbed run gives: [`Calm`], which other worlds are held against.

use crate::world::{World, text, tree};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// A world that can be made again and again.
#[derive(Clone, Copy)]
pub struct Setting {
    pub make: fn() -> World,
    /// For `run` and `status`.
    pub args: &'static [&'static str],
    /// A source file, and what else it may hold.
    pub edited: (&'static str, &'static [u8]),
}

impl Setting {
    pub fn run(&self) -> Vec<&'static str> {
        [&["run", "--json"], self.args].concat()
    }

    fn status(&self, world: &World) -> Vec<Value> {
        let document = world.ok(&[&["status", "--json"], self.args].concat()).stdout;
        let document: Value = serde_json::from_str(&document).expect("one JSON document");
        document["stages"].as_array().expect("stages").clone()
    }
}

/// The end of an undisturbed run.
pub struct Calm {
    setting: Setting,
    /// Stage -> its key and the digests of its outputs.
    stages: BTreeMap<String, (Value, Value)>,
    /// Digest -> the object's bytes.
    objects: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    reports: BTreeMap<String, Vec<u8>>,
    pub took: Duration,
}

impl Calm {
    pub fn of(setting: Setting) -> Self {
        Self::in_world(setting, &(setting.make)())
    }

    /// With the setting's source file edited.
    pub fn edited(setting: Setting) -> Self {
        let world = (setting.make)();
        world.write(setting.edited.0, setting.edited.1);
        Self::in_world(setting, &world)
    }

    fn in_world(setting: Setting, world: &World) -> Self {
        let start = Instant::now();
        world.ok(&setting.run());
        let took = start.elapsed();
        let mut calm = Self {
            setting,
            stages: BTreeMap::new(),
            objects: BTreeMap::new(),
            reports: tree(&world.path("reports"), "run.md"),
            took,
        };
        for stage in setting.status(world) {
            assert_eq!(stage["state"], "fresh", "{stage}");
            for digest in stage["outputs"].as_object().expect("outputs").values() {
                calm.objects.insert(text(digest), bytes(world, digest));
            }
            calm.stages.insert(text(&stage["name"]), (stage["key"].clone(), stage["outputs"].clone()));
        }
        calm
    }

    /// The stages that have this object as an output.
    pub fn with_object(&self, digest: &str) -> BTreeSet<String> {
        let has = |(_, outputs): &(Value, Value)| outputs.as_object().expect("outputs").values().any(|d| d == digest);
        self.stages.iter().filter(|(_, stage)| has(stage)).map(|(name, _)| name.clone()).collect()
    }

    /// What is called fresh now is what an undisturbed run gave, byte for byte. The names of those stages.
    #[track_caller]
    pub fn check_fresh(&self, world: &World) -> BTreeSet<String> {
        let mut fresh = BTreeSet::new();
        for stage in self.setting.status(world) {
            let name = text(&stage["name"]);
            if stage["state"] == "fresh" {
                self.check_stage(world, &stage);
                fresh.insert(name);
            }
        }
        fresh
    }

    /// The next run ends well and as an undisturbed one; the names of the stages that it started.
    #[track_caller]
    pub fn check_next_run(&self, world: &World) -> Vec<String> {
        let started = world.run(self.setting.args);
        for stage in self.setting.status(world) {
            assert_eq!(stage["state"], "fresh", "{stage}");
            self.check_stage(world, &stage);
        }
        let reports = tree(&world.path("reports"), "run.md");
        assert!(reports == self.reports, "other reports: {:?}", reports.keys());
        started
    }

    #[track_caller]
    fn check_stage(&self, world: &World, stage: &Value) {
        let (key, outputs) = &self.stages[&text(&stage["name"])];
        assert_eq!(&stage["key"], key, "another key: {stage}");
        assert_eq!(&stage["outputs"], outputs, "other outputs: {stage}");
        for digest in outputs.as_object().expect("outputs").values() {
            assert!(bytes(world, digest) == self.objects[&text(digest)], "called fresh and damaged: {stage}");
        }
    }
}

fn bytes(world: &World, digest: &Value) -> BTreeMap<String, Vec<u8>> {
    let digest = text(digest);
    tree(&world.path("cache/objects").join(Path::new(&digest[..2])).join(&digest), "")
}
