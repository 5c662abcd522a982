//! Asking a checkpoint as it is.

use super::world::World;
use crate::models::{Arch, Config};
use crate::weights::save;
use crate::{AskedImage, CHECKPOINT, CheckpointAsked, CheckpointParams};
use burn::tensor::{Device, Tensor, TensorData};
use plantpipe_pixels::{decode, pillow, to_chw};
use plantpipe_stage::Error;
use plantpipe_stage::format::{Outputs, Scores, Split};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// A world with six photographs, most of them 90 x 60, and a checkpoint of four outputs.
struct Asked {
    world: World,
    images: Vec<AskedImage>,
}

const EPS: f64 = 1e-3;

impl Asked {
    fn new() -> Self {
        let world = World::new();
        let files = world.pack_originals("shards-of-files", &[(Split::Test, 6)]);
        let images = files.into_iter().map(|name| AskedImage { path: world.path("originals").join(&name), name });
        let images = images.collect();
        let asked = Self { world, images };
        std::fs::write(asked.world.path("w.safetensors"), save(&Self::network(EPS)).expect("saves")).expect("writes");
        asked
    }

    fn network(eps: f64) -> crate::models::Network {
        let config = Config { labels: 4, eps, size: 32 };
        Arch::EfficientNetLite0.init(config, 5, &Device::flex()).expect("builds")
    }

    /// The defaults, at a size for tests.
    fn params(&self) -> CheckpointParams {
        let arch = "efficientnet_lite0".to_owned();
        CheckpointParams { images: self.images.clone(), arch, size: Some(32), ..CheckpointParams::default() }
    }

    fn ask(&self, out: &str, params: &CheckpointParams) -> Result<Outputs, Error> {
        let params = serde_json::to_value(params).expect("JSON");
        self.world.run(&CHECKPOINT, out, &[("weights", "w.safetensors")], params)?;
        Ok(Outputs::read(&self.world.path(out).join("outputs")).expect("outputs"))
    }

    /// What the network gives for one photograph, step by step.
    fn by_hand(image: &AskedImage, size: u32, mean: [f32; 3], std: [f32; 3], eps: f64) -> Vec<f32> {
        let photo = decode(&std::fs::read(&image.path).expect("reads"), &image.path).expect("decodes");
        let pixels = to_chw(&pillow::squash(&photo, size, size), mean, std);
        let side = size as usize;
        let input = Tensor::from_data(TensorData::new(pixels, [1, 3, side, side]), &Device::flex());
        Self::network(eps).predict(input).into_data().try_to_vec().expect("floats")
    }
}

#[test]
fn every_output_of_the_head_is_given_for_a_photograph_squashed_and_normalised_as_said() {
    let asked = Asked::new();
    let plain = CheckpointParams { scores: Scores::Logits, batch: 4, ..asked.params() };
    let (mean, std) = ([0.1, 0.2, 0.3], [0.9, 0.8, 0.7]);
    let said = CheckpointParams { size: Some(64), mean: Some(mean), std: Some(std), eps: Some(0.5), ..plain.clone() };
    let [single_mean, single_std] = [mean, std].map(|rgb| rgb.map(|value| value as f32));
    for (out, params, size, mean, std, eps) in
        [("plain", plain, 32, [0.5; 3], [0.5; 3], EPS), ("said", said, 64, single_mean, single_std, 0.5)]
    {
        let outputs = asked.ask(out, &params).expect("answers");
        assert_eq!(outputs.classes, ["c0", "c1", "c2", "c3"]);
        for (row, image) in outputs.rows.iter().zip(&asked.images) {
            assert_eq!((&row.image, &row.values), (&image.name, &Asked::by_hand(image, size, mean, std, eps)));
        }
        assert_eq!(outputs.rows.len(), 6);
    }
    let text = std::fs::read_to_string(asked.world.path("said/outputs").join(CheckpointAsked::FILE)).expect("reads");
    let told: CheckpointAsked = serde_json::from_str(&text).expect("JSON");
    assert_eq!((told.size, told.mean, told.eps, told.scores), (64, mean, 0.5, Scores::Logits));
}

#[test]
fn probabilities_are_the_softmax_of_the_logits_under_the_names_given() {
    let asked = Asked::new();
    let names = asked.world.path("names.txt");
    std::fs::write(&names, "tench\ngoldfish\nshark\nray\n").expect("writes");
    let logits = asked.ask("logits", &CheckpointParams { scores: Scores::Logits, ..asked.params() }).expect("answers");
    let params = CheckpointParams { labels: Some(names.clone()), ..asked.params() };
    let outputs = asked.ask("softmax", &params).expect("answers");
    assert_eq!(outputs.classes, ["tench", "goldfish", "shark", "ray"]);
    for (row, logits) in outputs.rows.iter().zip(&logits.rows) {
        let powers: Vec<f64> = logits.values.iter().map(|logit| f64::from(*logit).exp()).collect();
        for (value, power) in row.values.iter().zip(&powers) {
            assert!((f64::from(*value) - power / powers.iter().sum::<f64>()).abs() < 1e-6, "{row:?}");
        }
    }
    std::fs::write(&names, "tench\ngoldfish\n").expect("writes");
    let error = asked.ask("none", &params).expect_err("two names for four outputs");
    assert_eq!(asked.world.words(&error), "names.txt: 2 lines, and the checkpoint has 4 outputs");
}

#[test]
fn a_photograph_that_cannot_be_read_costs_its_own_answer_and_no_other() {
    let asked = Asked::new();
    let all = asked.ask("all", &asked.params()).expect("answers");
    let mut images = asked.images.clone();
    images[1].path = asked.world.path("gone.jpg");
    let few = asked.ask("few", &CheckpointParams { images, ..asked.params() }).expect("answers");
    let mut expected = all.rows;
    expected.remove(1);
    assert_eq!(few.rows, expected);
    let failed = std::fs::read_to_string(asked.world.path("few/outputs/failed.json")).expect("reads");
    assert!(failed.contains(&format!("cannot read {}", asked.images[1].name)), "{failed}");
}

#[test]
fn a_checkpoint_without_a_head_or_of_another_architecture_is_told() {
    let asked = Asked::new();
    let other = CheckpointParams { arch: "resnet50".to_owned(), ..asked.params() };
    let error = asked.ask("none", &other).expect_err("another architecture");
    assert!(error.message.contains("w.safetensors: this checkpoint has no head of resnet50"), "{error}");
    let view = TensorView::new(Dtype::F32, vec![1], &[0; 4]).expect("a tensor");
    let bytes = safetensors::serialize([("cls_token", view)], None).expect("serializes");
    std::fs::write(asked.world.path("w.safetensors"), bytes).expect("writes");
    let dino = CheckpointParams { arch: "vit_small_patch14_dinov2".to_owned(), size: None, ..asked.params() };
    let error = asked.ask("none", &dino).expect_err("no head");
    let words = asked.world.words(&error);
    assert!(words.starts_with("w.safetensors: this checkpoint has no head of vit_small_patch14_dinov2"), "{words}");
    let unknown = CheckpointParams { arch: "resnet19".to_owned(), ..asked.params() };
    assert_eq!(asked.ask("none", &unknown).expect_err("unknown").message, "no architecture is called `resnet19`");
}
