//! Asking a small model about files.

use super::world::World;
use crate::{ASK, AskFailure, AskParams, AskedImage, PREDICT};
use plantpipe_pixels::decode;
use plantpipe_stage::Error;
use plantpipe_stage::format::{Answers, Predictions, Split};
use serde_json::json;

/// A world with files at their original size, and a model trained on what became of them.
struct Asked {
    world: World,
    /// The files of the splits val and test, as the model's user names them.
    files: Vec<AskedImage>,
}

impl Asked {
    fn new() -> Self {
        let world = World::new();
        let splits = [(Split::Train, 12), (Split::Val, 6), (Split::Test, 6)];
        let files = world.pack_originals("shards-of-files", &splits);
        let given = json!({ "size": 48, "epochs": 1, "batch": 4 });
        world.run(&crate::TRAIN, "out", &[("shards", "shards-of-files")], given).expect("trains");
        let asked = files.into_iter().filter(|file| !file.starts_with("train"));
        let files = asked.map(|name| AskedImage { path: world.path("originals").join(&name), name }).collect();
        Self { world, files }
    }

    fn ask(&self, out: &str, params: AskParams) -> Result<Vec<String>, Error> {
        let params = serde_json::to_value(params).expect("JSON");
        self.world.run(&ASK, out, &[("model", "out/model")], params)
    }

    fn answers(&self, out: &str) -> Vec<(String, Vec<u32>)> {
        let answers = Answers::read(&self.world.path(out).join("answers")).expect("answers");
        answers.rows.into_iter().map(|row| (row.image, bits(&row.probabilities))).collect()
    }

    fn failed(&self, out: &str) -> Vec<AskFailure> {
        let file = self.world.path(out).join("answers").join(AskFailure::FILE);
        serde_json::from_str(&std::fs::read_to_string(file).expect("reads")).expect("failures")
    }

    /// The same files, one of them damaged and one gone.
    fn with_two_bad(&self) -> Vec<AskedImage> {
        let mut files = self.files.clone();
        let whole = std::fs::read(&files[2].path).expect("reads");
        files[2].path = self.world.path("cut.jpg");
        std::fs::write(&files[2].path, &whole[..whole.len() / 2]).expect("writes");
        files[7].path = self.world.path("gone.jpg");
        files
    }
}

fn bits(probabilities: &[f32]) -> Vec<u32> {
    probabilities.iter().map(|p| p.to_bits()).collect()
}

#[test]
fn the_files_of_a_data_set_get_bit_for_bit_what_predict_gave_for_them_in_any_company() {
    let asked = Asked::new();
    let inputs = [("model", "out/model"), ("shards", "shards-of-files")];
    asked.world.run(&PREDICT, "predicted", &inputs, json!({ "batch": 5 })).expect("predicts");
    let predictions = Predictions::read(&asked.world.path("predicted/predictions")).expect("predictions");
    let predicted = |name: &str| {
        let id = name.split_once('.').expect("an ending").0;
        bits(&predictions.rows.iter().find(|row| row.image == id).expect("predicted").probabilities)
    };
    for batch in [1, 2, 5, 32] {
        let out = format!("asked-{batch}");
        let images = asked.files.iter().rev().cloned().collect();
        asked.ask(&out, AskParams { images, batch, ..AskParams::default() }).expect("answers");
        let answers = asked.answers(&out);
        let names: Vec<&str> = answers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, asked.files.iter().rev().map(|file| file.name.as_str()).collect::<Vec<_>>());
        for (name, answer) in answers {
            assert_eq!(answer, predicted(&name), "{name}, {batch} at a time");
        }
        assert!(asked.failed(&out).is_empty());
        assert!(!asked.world.path(&out).join("answers/cams").exists());
    }
}

#[test]
fn a_photograph_that_cannot_be_read_is_told_and_stops_no_other() {
    let asked = Asked::new();
    asked.ask("all", AskParams { images: asked.files.clone(), ..AskParams::default() }).expect("answers");
    let images = asked.with_two_bad();
    let names = [images[2].name.clone(), images[7].name.clone()];
    let notes = asked.ask("few", AskParams { images, cam: true, batch: 3, ..AskParams::default() }).expect("answers");
    let failed = asked.failed("few");
    assert_eq!(failed.iter().map(|failure| failure.name.clone()).collect::<Vec<_>>(), names);
    assert!(failed[0].message.starts_with(&format!("{}: the JPEG is truncated or damaged (", names[0])), "{failed:?}");
    assert!(failed[1].message.starts_with(&format!("cannot read {}: No such file", names[1])), "{failed:?}");
    assert_eq!(notes, failed.iter().map(|failure| format!("left out: {}", failure.message)).collect::<Vec<_>>());
    let mut all = asked.answers("all");
    all.retain(|(name, _)| !names.contains(name));
    assert_eq!(asked.answers("few"), all);
    assert_eq!(std::fs::read_dir(asked.world.path("few/answers/cams")).expect("panels").count(), all.len());
}

#[test]
fn where_no_photograph_can_be_read_nothing_is_answered() {
    let asked = Asked::new();
    let bad = asked.with_two_bad();
    let ask = |images: &[&AskedImage]| {
        let images = images.iter().map(|image| (*image).clone()).collect();
        asked.ask("none", AskParams { images, ..AskParams::default() }).expect_err("nothing to answer for")
    };
    let error = ask(&[&bad[7], &bad[2]]);
    let first = format!("none of the 2 photographs can be read; the first: cannot read {}: ", bad[7].name);
    assert!(error.message.starts_with(&first), "{error}");
    assert!(ask(&[&bad[2]]).message.starts_with(&format!("{}: the JPEG is ", bad[2].name)));
}

#[test]
fn a_panel_shows_each_predicted_label_or_else_the_most_probable() {
    let asked = Asked::new();
    let width = |threshold: f64| {
        let out = format!("seen-{threshold}");
        let images = asked.files[..3].to_vec();
        asked.ask(&out, AskParams { images, cam: true, threshold, ..AskParams::default() }).expect("answers");
        let answers = Answers::read(&asked.world.path(&out).join("answers")).expect("answers");
        let labels: Vec<usize> = answers.rows.iter().map(|row| row.predicted.len()).collect();
        let path = asked.world.path(&out).join("answers/cams/val01.png");
        (labels, decode(&std::fs::read(&path).expect("reads"), &path).expect("a picture").width())
    };
    // The photograph's tile and one a label: 2 x 16 + tiles x (256 + 12) - 12.
    assert_eq!(width(0.0), (vec![3; 3], 1092));
    assert_eq!(width(1.0), (vec![0; 3], 556));
}

#[test]
fn params_out_of_range_are_refused() {
    let asked = Asked::new();
    let good = AskParams { images: asked.files.clone(), ..AskParams::default() };
    for params in [
        AskParams { images: Vec::new(), ..good.clone() },
        AskParams { batch: 0, ..good.clone() },
        AskParams { threshold: 1.5, ..good.clone() },
    ] {
        assert!(asked.ask("none", params).expect_err("refused").message.starts_with("`ask` wants images"));
    }
}
