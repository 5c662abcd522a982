//! A step of training on a device of `wgpu` against the CPU's. A software Vulkan device will do (Debian's
//! mesa-vulkan-drivers): `cargo test -p plantpipe-learn --release --features wgpu -- wgpu`. `PLANTPIPE_WGPU=wgpu:0` names
//! another device.

use super::timm::Fixture;
use crate::device;
use crate::models::Phase;
use burn::tensor::Device;

/// The loss within 1e-3 of the CPU's, each tensor's gradient within a share of its greatest.
fn as_on_the_cpu(arch: &str, within: f32) {
    let name = std::env::var("PLANTPIPE_WGPU").unwrap_or_else(|_| "wgpu:cpu".to_owned());
    let fixture = Fixture::read(arch);
    let there = fixture.step(Phase::Train, &device::open(&name).expect("opens").autodiff());
    let here = fixture.step(Phase::Train, &Device::flex().autodiff());
    assert!((there.loss - here.loss).abs() < 1e-3 * here.loss, "loss {} is not {}", there.loss, here.loss);
    assert!(there.gradients.keys().eq(here.gradients.keys()));
    let greatest = |values: &[f32]| values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let most = here.gradients.values().map(|values| greatest(values)).fold(0.0, f32::max);
    let share = |(name, expected): (&String, &Vec<f32>)| {
        // What batch norm takes away has no gradient but rounding: it is held against the greatest of all.
        let scale = if greatest(expected) < 1e-5 * most { most } else { greatest(expected) };
        let far = expected.iter().zip(&there.gradients[name]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        (far / scale, name.clone())
    };
    let worst = here.gradients.iter().map(share).max_by(|a, b| a.0.total_cmp(&b.0)).expect("gradients");
    println!("{arch}: gradients within {:.1e} ({})", worst.0, worst.1);
    assert!(worst.0 <= within, "{arch}: {worst:?}");
}

#[test]
fn wgpu_takes_a_step_of_a_resnet18_as_the_cpu_does() {
    as_on_the_cpu("resnet18", 1e-3);
}

#[test]
fn wgpu_takes_a_step_of_a_vit_tiny_as_the_cpu_does() {
    // 1.2e-3 on a software device, at one norm's weight.
    as_on_the_cpu("vit_tiny_patch16_224", 2e-3);
}
