//! Parity with timm: networks whose every tensor comes from a formula answer, and learn, as timm's do. The fixtures and
//! the scripts that made them lie in tests/fixtures.

use crate::loss::bce_with_logits;
use crate::models::{Arch, Config, Network, Phase};
use crate::weights::walk::{Place, put, shapes, tensors};
use crate::weights::{self, Wanted};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// 64 bits for each of `count` indices: FNV-1a of the name, then `SplitMix64`.
fn hashes(name: &str, count: usize) -> impl Iterator<Item = u64> {
    let step = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    let state = name.bytes().fold(0xCBF2_9CE4_8422_2325, step);
    (1..=count as u64).map(move |at| {
        let x = state.wrapping_add(at.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    })
}

/// Values in low..high, rounded to f32: the same numbers as `formula` in `timm_networks.py`.
pub(crate) fn formula(name: &str, count: usize, low: f64, high: f64) -> Vec<f32> {
    let share = |hash: u64| (hash >> 40) as f64 / f64::from(1 << 24);
    hashes(name, count).map(|hash| (low + (high - low) * share(hash)) as f32).collect()
}

/// The range of a tensor's values.
fn bounds(name: &str, shape: &[usize]) -> (f64, f64) {
    if name.starts_with("layer") && name.ends_with("bn3.weight") {
        return (0.1, 0.3);
    }
    if name.ends_with("running_var") || (name.ends_with("weight") && shape.len() == 1) {
        return (0.5, 1.5);
    }
    if name.ends_with("gamma") {
        return (0.1, 1.0);
    }
    if shape.len() < 2 {
        return (-0.2, 0.2);
    }
    if name == "cls_token" || name == "pos_embed" {
        return (-0.5, 0.5);
    }
    let bound = (3.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
    (-bound, bound)
}

/// What timm's network of the same tensors gave, in f64.
#[derive(Deserialize)]
pub(super) struct Fixture {
    arch: String,
    size: usize,
    /// Of a `ViT`: none.
    eps: Option<f64>,
    batch: usize,
    /// The name that the formula makes it of.
    input: String,
    labels: usize,
    eval: Answer,
    train: Option<Answer>,
    tensors: BTreeMap<String, Known>,
}

#[derive(Deserialize)]
struct Answer {
    loss: f64,
    logits: Vec<Vec<f64>>,
}

/// A tensor: its gradient in evaluation and in training, and what it is after a step of training.
#[derive(Deserialize)]
struct Known {
    shape: Vec<usize>,
    depth: Option<usize>,
    eval: Option<Samples>,
    train: Option<Samples>,
    after: Option<Samples>,
}

impl Known {
    fn gradient(&self, phase: Phase) -> Option<&Samples> {
        match phase {
            Phase::Train => self.train.as_ref().or(self.eval.as_ref()),
            Phase::Eval => self.eval.as_ref(),
        }
    }
}

/// The greatest magnitude, the Euclidean norm, and the values at the indices that `hashes` of the name and `@` gives.
#[derive(Deserialize, Clone)]
struct Samples(Vec<f64>);

impl Samples {
    /// Whether values are these, within a share of the greatest.
    fn check(&self, name: &str, values: &[f32], within: f64) {
        let [greatest, norm, samples @ ..] = self.0.as_slice() else { panic!("{name}: no samples") };
        let all = || values.iter().map(|value| f64::from(*value));
        let ours = all().fold(0.0, |most: f64, value| most.max(value.abs()));
        assert!((ours - greatest).abs() <= within * greatest, "{name}: greatest {ours} is not {greatest}");
        let ours = all().map(|value| value * value).sum::<f64>().sqrt();
        assert!((ours - norm).abs() <= within * norm, "{name}: norm {ours} is not {norm}");
        for (hash, sample) in hashes(&format!("{name}@"), samples.len()).zip(samples) {
            let ours = f64::from(values[(hash % values.len() as u64) as usize]);
            assert!((ours - sample).abs() <= within * greatest, "{name}: {ours} is not {sample} of {greatest}");
        }
    }
}

pub(super) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

impl Fixture {
    pub(super) fn read(arch: &str) -> Self {
        let text = std::fs::read_to_string(fixtures().join(format!("{arch}.json"))).expect("reads");
        serde_json::from_str(&text).expect("a fixture")
    }

    fn network(&self, device: &Device) -> Network {
        let config = Config { labels: self.labels, eps: self.eps.unwrap_or(1e-5), size: self.size };
        let network = Arch::of(&self.arch).expect("known").init(config, 1, device).expect("builds");
        let values = |(name, shape): (String, Vec<usize>)| {
            let (low, high) = bounds(&name, &shape);
            let values = formula(&name, shape.iter().product(), low, high);
            (name, values)
        };
        let values = shapes(&network).into_iter().map(values).collect();
        put(network, values)
    }

    fn input(&self, device: &Device) -> Tensor<4> {
        let shape = [self.batch, 3, self.size, self.size];
        let values = formula(&self.input, shape.iter().product(), -2.0, 2.0);
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn targets(&self, device: &Device) -> Tensor<2> {
        let values = formula("targets", self.batch * self.labels, 0.0, 1.0);
        let values: Vec<f32> = values.into_iter().map(|value| f32::from(u8::from(value > 0.5))).collect();
        Tensor::from_data(TensorData::new(values, [self.batch, self.labels]), device)
    }

    fn same_names_shapes_and_depths(&self) {
        let arch = Arch::of(&self.arch).expect("known");
        let ours = shapes(&self.network(&Device::flex()));
        assert_eq!(ours.keys().collect::<Vec<_>>(), self.tensors.keys().collect::<Vec<_>>());
        for (name, known) in &self.tensors {
            assert_eq!(ours[name], known.shape, "{name}");
            // timm's groups are of parameters; a running statistic lies where its norm's weight does.
            let depth = known.depth.or_else(|| self.tensors[&format!("{}.weight", name.rsplit_once('.')?.0)].depth);
            assert_eq!(Some(arch.depth_of(name)), depth, "{name}");
        }
    }

    /// One forward and backward pass on an autodiff device.
    pub(super) fn step(&self, phase: Phase, device: &Device) -> Step {
        let mut network = self.network(device);
        let pooled = network.pooled(self.input(device), phase);
        let logits = network.head(pooled, None);
        let loss = bce_with_logits(logits.clone(), self.targets(device));
        let value = f64::from(loss.clone().into_scalar::<f32>());
        let gradients = loss.backward();
        let mut graded = Graded { place: Place::default(), gradients: &gradients, found: BTreeMap::new() };
        network.visit(&mut graded);
        Step { logits, loss: value, gradients: graded.found, after: tensors(&network) }
    }

    /// Logits, loss and gradients in a phase, and the running statistics after it.
    fn same_answers_and_gradients(&self, phase: Phase) {
        let Step { logits, loss: ours, gradients, after } = self.step(phase, &Device::flex().autodiff());
        let expected = match phase {
            Phase::Train => self.train.as_ref().unwrap_or(&self.eval),
            Phase::Eval => &self.eval,
        };
        same_logits(logits, &expected.logits);
        assert!((ours - expected.loss).abs() < 1e-5 * expected.loss, "loss {ours} is not {}", expected.loss);
        let most = self.tensors.values().filter_map(|known| known.gradient(phase)).map(|known| known.0[0]);
        let most = most.fold(0.0, f64::max);
        for (name, known) in &self.tensors {
            match (known.gradient(phase), gradients.get(name)) {
                // What batch norm takes away has no gradient but rounding.
                (Some(expected), Some(ours)) if expected.0[0] < 1e-9 * most => {
                    assert!(ours.iter().all(|value| f64::from(value.abs()) < 1e-4 * most), "{name}: not 0");
                }
                (Some(expected), Some(ours)) => expected.check(name, ours, 1e-3),
                (None, None) => {}
                (expected, _) => panic!("{name}: timm {} a gradient", if expected.is_some() { "has" } else { "lacks" }),
            }
            if let (Phase::Train, Some(expected)) = (phase, &known.after) {
                expected.check(name, &after[name].1, 1e-4);
            }
        }
    }
}

/// Within 1e-4 of the greatest.
pub(super) fn same_logits(ours: Tensor<2>, expected: &[Vec<f64>]) {
    let ours: Vec<f32> = ours.into_data().try_to_vec().expect("floats");
    let expected = expected.concat();
    assert_eq!(ours.len(), expected.len());
    let greatest = expected.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    for (ours, expected) in ours.iter().zip(&expected) {
        assert!((f64::from(*ours) - expected).abs() < 1e-4 * greatest, "{ours} is not {expected}");
    }
}

/// What a forward and a backward pass give.
pub(super) struct Step {
    logits: Tensor<2>,
    pub(super) loss: f64,
    /// By the name of the tensor.
    pub(super) gradients: BTreeMap<String, Vec<f32>>,
    after: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

/// Gathers gradients by name.
struct Graded<'a> {
    place: Place,
    gradients: &'a Gradients,
    found: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Graded<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }
    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.place.exit(container_type);
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            self.found.insert(self.place.name(), gradient.into_data().try_to_vec().expect("floats"));
        }
    }
}

fn as_timm(arch: &str) {
    let fixture = Fixture::read(arch);
    fixture.same_names_shapes_and_depths();
    let device = Device::flex();
    same_logits(fixture.network(&device).predict(fixture.input(&device)), &fixture.eval.logits);
    for phase in [Phase::Eval, Phase::Train] {
        fixture.same_answers_and_gradients(phase);
    }
}

#[test]
fn resnet18_answers_and_learns_as_timms() {
    as_timm("resnet18");
}

#[test]
fn resnet34_answers_and_learns_as_timms() {
    as_timm("resnet34");
}

#[test]
fn resnet50_answers_and_learns_as_timms() {
    as_timm("resnet50");
}

#[test]
fn efficientnet_lite0_answers_and_learns_as_timms() {
    as_timm("efficientnet_lite0");
}

#[test]
fn vit_tiny_answers_and_learns_as_timms() {
    as_timm("vit_tiny_patch16_224");
}

#[test]
fn vit_small_answers_and_learns_as_timms() {
    as_timm("vit_small_patch16_224");
}

#[test]
fn vit_base_answers_and_learns_as_timms() {
    as_timm("vit_base_patch16_224");
}

#[test]
fn dinov2_small_answers_and_learns_as_timms() {
    as_timm("vit_small_patch14_dinov2");
}

/// A Python with torch and timm, named by the environment, or why there is none to test with.
fn python() -> Option<String> {
    let python = std::env::var("PLANTPIPE_PYTHON").ok();
    if python.is_none() {
        eprintln!("skipped: PLANTPIPE_PYTHON names no Python with torch and timm");
    }
    python
}

#[test]
fn timm_loads_what_is_saved_here_and_what_timm_saves_is_loaded() {
    let Some(python) = python() else { return };
    let (folder, device) = (tempfile::tempdir().expect("temp folder"), Device::flex());
    let [ours, theirs] = ["ours.safetensors", "theirs.pth"].map(|name| folder.path().join(name));
    for arch in Arch::NAMES {
        let fixture = Fixture::read(arch);
        let network = fixture.network(&device);
        let bytes = weights::save(&network).expect("saves");
        std::fs::write(&ours, &bytes).expect("writes");
        let mut command = Command::new(&python);
        command.arg(fixtures().join("timm_load.py")).arg(arch).args([&ours, &theirs]);
        let output = command.output().expect("runs");
        assert!(output.status.success(), "{arch}: {}", String::from_utf8_lossy(&output.stderr));
        let logits: Vec<Vec<f64>> = serde_json::from_slice(&output.stdout).expect("logits");
        same_logits(fixture.network(&device).predict(fixture.input(&device)), &logits);
        let config = Config { labels: fixture.labels, eps: 1e-5, size: fixture.size };
        let other = Arch::of(arch).expect("known").init(config, 2, &device).expect("builds");
        let loaded = weights::load(other, &theirs, Wanted::All).expect("loads");
        assert!(weights::save(&loaded).expect("saves") == bytes, "{arch}");
    }
}
