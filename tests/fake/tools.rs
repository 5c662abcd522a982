//! What answers `predict`, faked: [`ASK`], a model that looks at characters, and [`CHECKPOINT`], one that measures files.

use super::{BASE, read};
use plantpipe_stage::format::{Answer, Answers, OutputRow, Outputs};
use plantpipe_stage::{Arity, Context, InputSpec, IoContext, Kind, OutputSpec, Reads, Result};
use std::path::{Path, PathBuf};

/// Answers `word` and `digit` for a file by the share of such characters in it; one that is empty fails.
pub const ASK: Kind = Kind {
    name: "ask",
    doc: "answers",
    inputs: &[InputSpec { name: "model", doc: "a text", format: "text", arity: Arity::One, reads: Reads::All }],
    outputs: &[OutputSpec { name: "answers", doc: "answers", format: "answers" }],
    run: ask,
    ..BASE
};

#[derive(serde::Deserialize)]
struct AskParams {
    images: Vec<AskedImage>,
    cam: bool,
    threshold: f32,
}

#[derive(serde::Deserialize)]
struct AskedImage {
    name: String,
    path: PathBuf,
}

fn ask(ctx: &Context) -> Result<()> {
    let params: AskParams = ctx.params()?;
    let folder = ctx.output("answers")?;
    let labels = ["digit", "word"].map(str::to_owned).to_vec();
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for AskedImage { name, path } in params.images {
        let text = std::fs::read_to_string(&path).io("read", &path)?;
        if text.is_empty() {
            failed.push(serde_json::json!({ "name": name, "message": format!("{name}: it is empty") }));
            continue;
        }
        let digits = text.chars().filter(char::is_ascii_digit).count() as f32 / text.chars().count() as f32;
        let probabilities = vec![digits, 1.0 - digits];
        let answered = labels.iter().zip(&probabilities).filter(|(_, p)| **p >= params.threshold);
        let predicted = answered.map(|(label, _)| label.clone()).collect();
        if params.cam {
            let path = folder.join("cams").join(format!("{}.png", rows.len()));
            std::fs::create_dir_all(folder.join("cams")).io("make", &folder)?;
            std::fs::write(&path, read(&ctx.input("model").path)?).io("write", &path)?;
        }
        rows.push(Answer { image: name, probabilities, predicted });
    }
    let path = folder.join("failed.json");
    std::fs::write(&path, serde_json::to_vec(&failed).expect("JSON")).io("write", &path)?;
    Answers { labels, rows }.write(&folder)
}

/// Gives the length of a file and that of the weights, and writes how it was asked; a file that is empty fails.
pub const CHECKPOINT: Kind = Kind {
    name: "checkpoint",
    doc: "measures",
    inputs: &[InputSpec { name: "weights", doc: "a file", format: "weights", arity: Arity::One, reads: Reads::All }],
    outputs: &[OutputSpec { name: "outputs", doc: "outputs", format: "outputs" }],
    run: |ctx| {
        let params: serde_json::Map<String, serde_json::Value> = ctx.params()?;
        let length = |path: &Path| std::fs::metadata(path).io("read", path).map(|meta| meta.len() as f32);
        let weights = length(&ctx.input("weights").path)?;
        let asked: Vec<AskedImage> = serde_json::from_value(params["images"].clone()).expect("images");
        let (mut rows, mut failed) = (Vec::new(), Vec::new());
        for AskedImage { name, path } in asked {
            match length(&path)? {
                0.0 => failed.push(serde_json::json!({ "name": name, "message": format!("{name}: it is empty") })),
                length => rows.push(OutputRow { image: name, values: vec![length, weights] }),
            }
        }
        let folder = ctx.output("outputs")?;
        Outputs { classes: ["c0", "c1"].map(str::to_owned).to_vec(), rows }.write(&folder)?;
        let asked: serde_json::Map<_, _> = params.into_iter().filter(|(name, _)| name != "images").collect();
        for (name, value) in [("failed.json", failed.into()), ("asked.json", serde_json::Value::from(asked))] {
            std::fs::write(folder.join(name), value.to_string()).io("write", &folder)?;
        }
        Ok(())
    },
    ..BASE
};
