//! Embedding photographs with a small backbone.

use super::world::{LABELS, World};
use crate::infer::sigmoid;
use crate::{EMBED, PREDICT};
use plantpipe_stage::format::{
    FeaturesCard, JsonFormat, ModelCard, Predictions, ShardReader, Split, features_file, read_features,
};
use plantpipe_stage::{Error, Previous, PreviousItem};
use safetensors::SafeTensors;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A world with a trained model in `out/model`.
fn trained() -> World {
    let world = World::new();
    world.train("out", &json!({ "epochs": 1 })).expect("trains");
    world
}

fn embed(world: &World, out: &str, shards: &str, params: Value) -> Result<Vec<String>, Error> {
    world.run(&EMBED, out, &[("shards", shards), ("model", "out/model")], params)
}

/// A tensor's values.
pub(super) fn tensor(file: &[u8], name: &str) -> Vec<f32> {
    let tensors = SafeTensors::deserialize(file).expect("safetensors");
    let data = tensors.tensor(name).expect("there").data().to_vec();
    data.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect()
}

/// What a head makes of features, a label each.
pub(super) fn head_logits(weight: &[f32], bias: &[f32], features: &[f32]) -> Vec<f32> {
    let sum = |row: &[f32]| row.iter().zip(features).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum::<f64>();
    weight.chunks_exact(features.len()).zip(bias).map(|(row, bias)| (sum(row) + f64::from(*bias)) as f32).collect()
}

#[test]
fn the_models_own_head_makes_of_features_what_predict_answers() {
    let world = trained();
    let notes = embed(&world, "embedded", "shards", json!({})).expect("embeds");
    assert!(notes[0].starts_with("24 photographs embedded, 1 view of 512 each, "), "{notes:?}");
    let folder = world.path("embedded/features");
    let card = FeaturesCard::read(&folder).expect("a card");
    let model = ModelCard::read(&world.path("out/model")).expect("a card");
    assert_eq!(card.labels, LABELS);
    assert_eq!((card.samples.len(), card.backbone.width, card.backbone.views), (24, 512, 1));
    assert_eq!((card.backbone.arch.as_str(), card.backbone.norm_eps), ("resnet18", model.norm_eps));
    assert_eq!(card.backbone.preprocessing, model.preprocessing);

    world.run(&PREDICT, "answers", &[("model", "out/model"), ("shards", "shards")], json!({})).expect("predicts");
    let predictions = Predictions::read(&world.path("answers/predictions")).expect("predictions");
    let weights = std::fs::read(world.path("out/model/model.safetensors")).expect("reads");
    let (weight, bias) = (tensor(&weights, "fc.weight"), tensor(&weights, "fc.bias"));
    for row in predictions.rows {
        let features = read_features(&folder, &row.image, &card.backbone).expect("features");
        let logits = head_logits(&weight, &bias, &features);
        for (logit, p) in logits.into_iter().zip(row.probabilities) {
            assert!((sigmoid(logit) - p).abs() < 1e-6, "{}: {} {p}", row.image, sigmoid(logit));
        }
    }
}

#[test]
fn a_photographs_features_depend_on_its_id_and_pixels_and_on_no_other_photograph() {
    let world = trained();
    // The same photographs under the same ids, among fewer.
    world.pack("few", &LABELS, &[(Split::Val, 3), (Split::Test, 2)]);
    for params in [json!({}), json!({ "views": 3, "vary": "crops" }), json!({ "views": 8 })] {
        let with = |batch: u64| {
            let mut params = params.clone();
            params["batch"] = batch.into();
            params
        };
        embed(&world, "all", "shards", with(32)).expect("embeds");
        let all = world.files("all/features");
        for batch in [1, 5] {
            let out = format!("few-{batch}");
            embed(&world, &out, "few", with(batch)).expect("embeds");
            let mut few = world.files(&format!("{out}/features"));
            few.remove(FeaturesCard::FILE);
            assert_eq!(few.len(), 5);
            for (name, bytes) in few {
                assert_eq!(bytes, all[&name], "{name}, {batch} at a time, {params}");
            }
        }
    }
}

#[test]
fn the_first_view_is_the_photograph_and_each_other_one_is_another() {
    let world = trained();
    embed(&world, "plain", "shards", json!({})).expect("embeds");
    let read = |out: &str| {
        let folder = world.path(out).join("features");
        let card = FeaturesCard::read(&folder).expect("a card");
        read_features(&folder, "val00", &card.backbone).expect("features")
    };
    for params in [json!({ "views": 8 }), json!({ "views": 8, "vary": "crops" })] {
        embed(&world, "viewed", "shards", params).expect("embeds");
        let views = read("viewed");
        let views: Vec<&[f32]> = views.chunks(512).collect();
        assert_eq!(views.len(), 8);
        assert_eq!(views[0], read("plain"));
        for (number, view) in views.iter().enumerate() {
            assert!(!views[..number].contains(view), "view {number}");
        }
    }
    let crops = |crop_seed: u64| json!({ "views": 2, "vary": "crops", "crop_seed": crop_seed });
    embed(&world, "one", "shards", crops(1)).expect("embeds");
    embed(&world, "two", "shards", crops(2)).expect("embeds");
    assert_ne!(read("one")[512..], read("two")[512..]);
}

#[test]
fn what_an_earlier_run_embedded_is_taken_and_the_result_is_that_of_a_run_from_scratch() {
    let world = trained();
    world.pack("few", &LABELS, &[(Split::Train, 4), (Split::Val, 2)]);
    embed(&world, "first", "few", json!({})).expect("embeds");
    let hash = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
    let files = world.files("first/features");
    let index = ShardReader::open(&world.path("few")).expect("opens").index;
    let item = |sample: &plantpipe_stage::format::Sample| {
        let file = features_file(&sample.id);
        (sample.id.clone(), PreviousItem { input: sample.digest.clone(), output: hash(&files[&file]), file })
    };
    let items: BTreeMap<String, PreviousItem> = index.samples.iter().map(item).collect();
    let previous = Previous { folder: world.path("first/features"), items, files: BTreeMap::new() };

    world.pack("more", &LABELS, &[(Split::Train, 5), (Split::Val, 2)]);
    let inputs = [("shards", "more"), ("model", "out/model")];
    let again = world.run_with(&EMBED, "again", &inputs, json!({}), |action| action.previous = Some(previous));
    assert!(again.expect("embeds")[0].starts_with("1 of 7 photographs embedded, the others are as before; "));
    embed(&world, "scratch", "more", json!({})).expect("embeds");
    assert_eq!(world.files("again/features"), world.files("scratch/features"));
}

#[test]
fn what_cannot_be_embedded_says_why_and_a_way_out() {
    let world = trained();
    let model = ("model", "out/model");
    let weights = ("weights", "out/model/model.safetensors");
    for (backbones, params, says) in [
        (vec![], json!({}), "there is no backbone to embed with"),
        (vec![model, weights], json!({}), "there are two backbones to embed with"),
        (vec![weights], json!({}), "of which architecture are these weights?"),
        (vec![model], json!({ "arch": "resnet50" }), "param `arch` is resnet50, but the model is resnet18"),
        (vec![model], json!({ "views": 9 }), "a square lies in 8 ways, and `views` is 9"),
    ] {
        let inputs = [vec![("shards", "shards")], backbones].concat();
        let error = world.run(&EMBED, "none", &inputs, params).expect_err("refused");
        assert_eq!(error.message, says);
        assert!(error.hint.is_some(), "{says}");
    }
    // The same backbone by its weights alone, with what the model would have known.
    let params = json!({ "arch": "resnet18", "size": 32, "norm_eps": 1e-5 });
    world.run(&EMBED, "weighed", &[("shards", "shards"), weights], params).expect("embeds");
    embed(&world, "modelled", "shards", json!({})).expect("embeds");
    assert_eq!(world.files("weighed/features"), world.files("modelled/features"));
}
