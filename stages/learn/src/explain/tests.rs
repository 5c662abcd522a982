//! Maps against those of pytorch-grad-cam and of hooks on timm's attention (`tests/fixtures/cams.py`).

use super::cam::cams;
use super::eigen::eigen_cams;
use super::look::{Eyes, attention, differentiated};
use super::map::Map;
use super::method::{Align, Matter, Method, Way};
use super::rollout::{Fusion, Layer, chefer, gradient_rollout, rollout};
use crate::models::{Activation, Arch, Config, Network, small_vit};
use crate::weights::{Wanted, load};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use plantpipe_stage::random::keyed;
use rand::RngExt;
use safetensors::SafeTensors;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// How near: both sides compute in 32 bits, and sums have their own order here and there.
const NEAR: f32 = 1e-4;

const CAMS: [(&str, Method); 5] = [
    ("grad-cam", Method::GradCam),
    ("grad-cam++", Method::GradCamPlusPlus),
    ("layer-cam", Method::LayerCam),
    ("hires-cam", Method::HiResCam),
    ("eigen-cam", Method::EigenCam),
];

/// Fails where some number is farther than `by` from its counterpart.
#[track_caller]
pub(super) fn close(left: &[f32], right: &[f32], by: f32) {
    let far = left.iter().zip(right).position(|(a, b)| (a - b).abs() > by || a.is_nan());
    assert!(far.is_none() && left.len() == right.len(), "at {far:?}: {left:?} is not {right:?}");
}

/// A random activation, and maps of it.
#[derive(Deserialize)]
struct OfActivation {
    activation: Vec<f32>,
    shape: [usize; 4],
    /// `[labels, channels x height x width]`.
    weight: Vec<f32>,
    labels: usize,
    /// Photograph and label.
    pairs: Vec<(usize, usize)>,
    /// How many times larger the photographs are than the activation.
    scale: usize,
    /// A map a pair, by method, at the activation's size.
    maps: BTreeMap<String, Vec<Vec<f32>>>,
    /// The same at the photographs' size.
    enlarged: BTreeMap<String, Vec<Vec<f32>>>,
}

#[test]
fn maps_of_an_activation_are_those_of_pytorch_grad_cam() {
    let text = include_str!("../../tests/fixtures/cams.json");
    let fixture: OfActivation = serde_json::from_str(text).expect("the fixture is JSON");
    let [_, channels, height, width] = fixture.shape;
    let places = channels * height * width;
    let activation = TensorData::new(fixture.activation, fixture.shape);
    let activation = Tensor::<4>::from_data(activation, &Device::flex());
    // a + a^2 / 2, weighted: the gradient differs from place to place.
    let tail = |activation: Activation| {
        let a = activation.spatial;
        let a = a.clone().reshape([a.dims()[0], places]);
        let weight = TensorData::new(fixture.weight.clone(), [fixture.labels, places]);
        let weight = Tensor::<2>::from_data(weight, &a.device());
        (a.clone() + a.clone() * a * 0.5).matmul(weight.transpose())
    };
    for (name, method) in CAMS {
        let maps = if let Matter::Weighed(weighing) = method.matter() {
            cams(weighing, tail, Activation::of(activation.clone()), &fixture.pairs)
        } else {
            let maps = eigen_cams(activation.clone());
            fixture.pairs.iter().map(|(row, _)| maps[*row].clone()).collect()
        };
        let (expected, enlarged) = (&fixture.maps[name], &fixture.enlarged[name]);
        assert_eq!((maps.len(), expected.len(), enlarged.len()), (4, 4, 4));
        for (at, map) in maps.iter().enumerate() {
            close(&map.values, &expected[at], NEAR);
            let large = map.resized(width * fixture.scale, height * fixture.scale);
            close(&large.values, &enlarged[at], NEAR);
        }
    }
}

/// A small transformer of timm's with what hooks saw in it.
struct OfAttention {
    bytes: Vec<u8>,
}

impl OfAttention {
    /// Photograph and label, in the order of all that is by label.
    const PAIRS: [(usize, usize); 3] = [(0, 1), (0, 3), (1, 0)];

    fn read() -> Self {
        Self { bytes: std::fs::read(file("attention.safetensors")).expect("reads") }
    }

    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        let file = SafeTensors::deserialize(&self.bytes).expect("safetensors");
        let view = file.tensor(name).expect("a tensor of the fixture");
        let value = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
        let values: Vec<f32> = view.data().chunks(4).map(value).collect();
        Tensor::from_data(TensorData::new(values, view.shape().to_vec()), &Device::flex())
    }

    fn rows(&self, name: &str) -> Vec<Vec<f32>> {
        crate::infer::rows(self.tensor(name))
    }

    /// One layer of `[layers, n, heads, tokens, tokens]`.
    fn layer(&self, name: &str, at: usize) -> Tensor<4> {
        let all: Tensor<5> = self.tensor(name);
        let [_, n, heads, tokens, _] = all.dims();
        all.narrow(0, at, 1).reshape([n, heads, tokens, tokens])
    }

    fn attention(&self) -> Vec<Tensor<4>> {
        (0..3).map(|at| self.layer("attention", at)).collect()
    }

    /// Of each pair.
    fn layers(&self) -> Vec<Layer> {
        let of_pairs = |layer: Tensor<4>| {
            let rows = Self::PAIRS.map(|(row, _)| layer.clone().narrow(0, row, 1));
            Tensor::cat(rows.to_vec(), 0)
        };
        // The gradients are `[pairs, layers, heads, tokens, tokens]`.
        let gradients: Tensor<5> = self.tensor("gradient");
        let gradient = |at| {
            let [pairs, _, heads, tokens, _] = gradients.dims();
            gradients.clone().narrow(1, at, 1).reshape([pairs, heads, tokens, tokens])
        };
        let layer = |at| Layer { attention: of_pairs(self.layer("attention", at)), gradient: gradient(at) };
        (0..3).map(layer).collect()
    }
}

fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// timm's `VisionTransformer` of the fixture, on an autodiff device.
fn network() -> Network {
    load(small_vit(4, &Device::flex().autodiff()), &file("vit.safetensors"), Wanted::All).expect("loads")
}

fn far(a: Tensor<4>, b: Tensor<4>) -> f32 {
    assert_eq!(a.dims(), b.dims());
    (a - b).abs().max().into_scalar()
}

fn same(found: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).for_each(|(found, expected)| close(found, expected, NEAR));
}

#[test]
fn attention_and_its_gradients_are_those_that_hooks_find_in_timms_network() {
    let fixture = OfAttention::read();
    let network = network();
    let images: Tensor<4> = fixture.tensor("images");
    same(&crate::infer::rows(network.valid().predict(images.clone())), &fixture.rows("logits"));
    let layers = attention(&network.valid(), images.clone());
    assert_eq!(layers.len(), 3);
    for (found, expected) in layers.into_iter().zip(fixture.attention()) {
        assert!(far(found, expected) < NEAR);
    }
    let rows = OfAttention::PAIRS.map(|(row, _)| images.clone().narrow(0, row, 1));
    let layers = differentiated(&network.no_grad(), Tensor::cat(rows.to_vec(), 0), &OfAttention::PAIRS);
    for (found, expected) in layers.into_iter().zip(fixture.layers()) {
        assert!(far(found.attention, expected.attention) < NEAR);
        // Gradients reach to 9 here.
        assert!(far(found.gradient, expected.gradient) < 10.0 * NEAR);
    }
}

#[test]
fn rollouts_are_those_of_vit_explain_with_every_row_divided_by_its_own_sum() {
    let fixture = OfAttention::read();
    for (name, fusion) in [("mean", Fusion::Mean), ("max", Fusion::Max), ("min", Fusion::Min)] {
        for discard in ["0.0", "0.6"] {
            let found = rollout(fixture.attention(), fusion, discard.parse().expect("a share"));
            same(&found, &fixture.rows(&format!("rollout.{name}.{discard}")));
        }
    }
}

#[test]
fn gradient_rollout_and_chefers_relevance_are_as_published() {
    let fixture = OfAttention::read();
    for discard in ["0.0", "0.6"] {
        let found = gradient_rollout(fixture.layers(), discard.parse().expect("a share"));
        same(&found, &fixture.rows(&format!("gradient-rollout.{discard}")));
    }
    same(&chefer(fixture.layers()), &fixture.rows("chefer"));
}

#[test]
fn a_networks_maps_are_those_of_the_peers_from_its_photographs_on() {
    let fixture = OfAttention::read();
    let network = network();
    let images: Tensor<4> = fixture.tensor("images");
    let by = |method| {
        let way = Way { method, fusion: Fusion::Mean, discard: 0.6, align: Align::Grid };
        let mut eyes = Eyes::new(way, &network);
        eyes.maps(images.clone(), &OfAttention::PAIRS)
    };
    for (name, method) in CAMS {
        // pytorch-grad-cam's maps are as large as the photographs.
        let expected: Tensor<3> = fixture.tensor(&format!("cam.{name}"));
        let expected = crate::infer::rows(expected.reshape([3, 32 * 32]));
        let found: Vec<Vec<f32>> = by(method).iter().map(|map| map.resized(32, 32).values).collect();
        same(&found, &expected);
    }
    let rollouts = fixture.rows("rollout.mean.0.6");
    let rollouts = OfAttention::PAIRS.map(|(row, _)| rollouts[row].clone()).to_vec();
    for (method, rows) in [
        (Method::Rollout, rollouts),
        (Method::GradientRollout, fixture.rows("gradient-rollout.0.6")),
        (Method::Chefer, fixture.rows("chefer")),
    ] {
        let expected: Vec<Vec<f32>> = rows.into_iter().map(|row| Map::scaled(4, 4, row).values).collect();
        let found: Vec<Vec<f32>> = by(method).into_iter().map(|map| map.values).collect();
        same(&found, &expected);
    }
}

/// How far the gradients of one cell in the middle lie from its own middle on average, up and to the left, in cells.
fn lags(name: &str, seed: u64) -> [f64; 2] {
    // Wide enough for little of what it sees to be cut off.
    const SIZE: usize = 512;
    let device = Device::flex().autodiff();
    let arch = Arch::of(name).expect("known");
    let mut network = arch.init(Config { labels: 1, eps: 1e-5, size: SIZE }, seed, &device).expect("builds").no_grad();
    let mut random = keyed(1, "photographs", &[]);
    let noise: Vec<f32> = (0..3 * SIZE * SIZE).map(|_| random.random_range(-2.0..2.0)).collect();
    let x = Tensor::<4>::from_data(TensorData::new(noise, [1, 3, SIZE, SIZE]), &device).require_grad();
    let cell = network.activation(x.clone()).spatial.narrow(2, 8, 1).narrow(3, 8, 1);
    let gradient = x.grad(&cell.sum().backward()).expect("the cell depends on the photographs");
    let weights: Vec<f32> = gradient.powi_scalar(2).into_data().try_to_vec().expect("floats");
    let mean = |place: fn(usize) -> usize| {
        let weighed = |(at, weight): (usize, &f32)| (place(at) as f64 + 0.5) * f64::from(*weight);
        let all: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        8.5 - weights.iter().enumerate().map(weighed).sum::<f64>() / all / 32.0
    };
    [mean(|at| at % SIZE), mean(|at| at / SIZE % SIZE)]
}

#[test]
fn a_cell_of_a_network_of_convolutions_sees_half_a_cell_before_itself() {
    for name in ["resnet18", "efficientnet_lite0"] {
        // Random kernels are not even: one network's mean is a tenth of a cell off.
        let found = [1, 2, 3].map(|seed| lags(name, seed)).concat();
        let mean = found.iter().sum::<f64>() / 6.0;
        assert!((mean - 31.0 / 64.0).abs() < 0.05, "{name}: {found:?}");
    }
}
