//! Published weights, where they lie beside the repository.

use crate::models::{Arch, Config};
use crate::weights::{Wanted, load};
use burn::tensor::{Device, Tensor, TensorData};
use std::path::{Path, PathBuf};

/// timm's `efficientnet_lite0` of `ImageNet`, or why there is none to test with.
fn lite0() -> Option<PathBuf> {
    let file = Path::new("shared/data/weights/efficientnet_lite0.safetensors");
    let found =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join(file)).find(|at| at.exists());
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
    let Some(path) = lite0() else { return };
    let arch = Arch::EfficientNetLite0;
    let network = arch.init(config(arch, 6), 1, &Device::flex()).expect("builds");
    load(network, &path, Wanted::AllBut(arch.head())).expect("loads");
}

#[test]
fn published_lite0_weights_answer_as_timm_does() {
    let Some(path) = lite0() else { return };
    let (arch, device) = (Arch::EfficientNetLite0, Device::flex());
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
