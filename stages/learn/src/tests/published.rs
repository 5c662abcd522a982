//! Published weights, where they lie beside the repository.

use super::timm::{fixtures, same_logits};
use crate::models::{Arch, Config, Phase};
use crate::weights::{Checkpoint, Wanted, load};
use burn::tensor::{Device, Tensor, TensorData};
use plantpipe_pixels::{decode, to_chw};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The published weights of an architecture, or why there are none to test with.
fn published(arch: Arch) -> Option<PathBuf> {
    let file = Path::new("shared/data/weights").join(format!("{}.safetensors", arch.name()));
    let found =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join(&file)).find(|at| at.exists());
    if found.is_none() {
        eprintln!("skipped: no {} beside the repository", file.display());
    }
    found
}

fn config(arch: Arch, labels: usize) -> Config {
    Config { labels, eps: arch.published_eps(), size: 96 }
}

#[test]
fn published_lite0_weights_fit_all_but_the_head() {
    let arch = Arch::EfficientNetLite0;
    let Some(path) = published(arch) else { return };
    let network = arch.init(config(arch, 6), 1, &Device::flex()).expect("builds");
    load(network, &path, Wanted::AllBut(arch.head())).expect("loads");
}

#[test]
fn published_lite0_weights_answer_as_timm_does() {
    let (arch, device) = (Arch::EfficientNetLite0, Device::flex());
    let Some(path) = published(arch) else { return };
    let network = arch.init(config(arch, 1000), 1, &device).expect("builds");
    let mut network = load(network, &path, Wanted::All).expect("loads");
    let pixel = |at: usize| {
        let (c, y, x) = (at / (96 * 96), at / 96 % 96, at % 96);
        ((c * 7919 + y * y * 31 + x * y * 17 + x * x * 13) % 1000) as f32 / 500.0 - 1.0
    };
    let pixels: Vec<f32> = (0..3 * 96 * 96).map(pixel).collect();
    let logits = network.predict(Tensor::from_data(TensorData::new(pixels, [1, 3, 96, 96]), &device));
    let logits: Vec<f32> = logits.into_data().try_to_vec().expect("floats");
    // timm 1.0.31 (torch 2.15) with this file, batch-norm eps 1e-3, in f64: the first eight logits, the greatest (class
    // 549), and the sum of all thousand.
    let expected = [-0.393_964, -1.465_996, -0.960_317, -1.622_035, 1.328_675, 2.097_427, 1.223_592, -0.733_385];
    for (logit, expected) in logits.iter().zip(expected) {
        assert!((logit - expected).abs() < 1e-4, "{logit} is not {expected}");
    }
    assert!((logits[549] - 8.929_964).abs() < 1e-4, "{}", logits[549]);
    let sum: f64 = logits.iter().map(|logit| f64::from(*logit)).sum();
    assert!((sum + 120.688_245).abs() < 1e-2, "{sum}");
}

/// leaf1.png and leaf2.png, synthetic, of 112 x 112 pixels, as an architecture's weights want them.
fn leaves(arch: Arch, device: &Device) -> Tensor<4> {
    let (mean, std) = arch.normalisation();
    let [mean, std] = [mean, std].map(|rgb| rgb.map(|value| value as f32));
    let leaf = |name: &str| {
        let path = fixtures().join(name);
        to_chw(&decode(&std::fs::read(&path).expect("reads"), &path).expect("a picture"), mean, std)
    };
    let pixels = ["leaf1.png", "leaf2.png"].map(leaf).concat();
    Tensor::from_data(TensorData::new(pixels, [2, 3, 112, 112]), device)
}

#[test]
fn both_published_checkpoints_say_of_leaves_what_timm_says_with_them() {
    let text = std::fs::read_to_string(fixtures().join("published.json")).expect("reads");
    let expected: BTreeMap<String, Vec<Vec<f64>>> = serde_json::from_str(&text).expect("JSON");
    let device = Device::flex();
    for (name, expected) in expected {
        let arch = Arch::of(&name).expect("known");
        let Some(path) = published(arch) else { continue };
        let checkpoint = Checkpoint::read(&path).expect("reads");
        // DINOv2 has no head: what it says is what a head would see. Its 37 x 37 positions become 8 x 8.
        let (labels, wanted) = match checkpoint.classes(arch) {
            Some(classes) => (classes, Wanted::All),
            None => (1, Wanted::AllBut(arch.head())),
        };
        let config = Config { labels, eps: arch.published_eps(), size: 112 };
        let network = arch.init(config, 1, &device).expect("builds");
        let mut network = checkpoint.fill(network, wanted).expect("fits");
        let leaves = leaves(arch, &device);
        let answers = match wanted {
            Wanted::All => network.predict(leaves),
            Wanted::AllBut(_) => network.pooled(leaves, Phase::Eval),
        };
        same_logits(answers, &expected);
    }
}
