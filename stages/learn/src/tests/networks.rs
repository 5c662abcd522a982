//! What holds for networks of every architecture.

use crate::models::{Arch, Config, Network};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use plantpipe_stage::random::keyed;
use rand::RngExt;

/// The architectures, but for `vit_base_patch16_224`, which is `vit_small_patch16_224` wider, and slow.
fn quick() -> impl Iterator<Item = Arch> {
    Arch::NAMES.iter().filter(|name| **name != "vit_base_patch16_224").map(|name| Arch::of(name).expect("known"))
}

fn network(arch: Arch, size: usize, device: &Device) -> Network {
    arch.init(Config { labels: 3, eps: 1e-5, size }, 1, device).expect("builds")
}

/// Noise, `[n, 3, size, size]`.
fn photographs(n: usize, size: usize, device: &Device) -> Tensor<4> {
    let mut rng = keyed(3, "photographs", &[]);
    let values: Vec<f32> = (0..n * 3 * size * size).map(|_| rng.random_range(-2.0..2.0)).collect();
    Tensor::from_data(TensorData::new(values, [n, 3, size, size]), device)
}

fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("floats")
}

/// Within a millionth of the greatest.
fn close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    let far = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let greatest = b.iter().copied().map(f32::abs).fold(0.0, f32::max);
    // Whoever looks at a transformer's attention gets Burn's operations, whose sums are rounded otherwise than the kernels'.
    assert!(far <= 5e-6 * greatest, "{a:?} is {far} from {b:?}");
}

#[test]
fn both_ways_through_a_network_give_the_same_logits() {
    let device = Device::flex();
    for arch in quick() {
        // Whole patches of 14 and of 16.
        let mut network = network(arch, 112, &device);
        let x = photographs(2, 112, &device);
        let activation = network.activation(x.clone());
        let side = activation.spatial.dims()[2];
        let expected = match arch.name() {
            "vit_small_patch14_dinov2" => 8,
            "vit_tiny_patch16_224" | "vit_small_patch16_224" => 7,
            _ => 4,
        };
        assert_eq!((activation.spatial.dims()[1], side), (network.width(), expected), "{}", arch.name());
        let logits = network.predict(x.clone());
        assert_eq!(logits.dims(), [2, 3]);
        let logits = values(logits);
        close(&values(network.tail(activation)), &logits);
        if let Some(attended) = network.attended(x, &mut |_, attention| attention) {
            close(&values(attended), &logits);
        }
    }
}

#[test]
fn no_photographs_answer_depends_on_the_others_by_a_bit() {
    let device = Device::flex();
    // At 224 px a product of one photograph is large enough for several threads, and one of many runs otherwise.
    for (arch, size) in [("resnet50", 64), ("vit_small_patch16_224", 224), ("vit_small_patch14_dinov2", 224)] {
        let mut network = network(Arch::of(arch).expect("known"), size, &device);
        let x = photographs(5, size, &device);
        let mut bits = |x: Tensor<4>| values(network.predict(x)).into_iter().map(f32::to_bits).collect::<Vec<u32>>();
        let all = bits(x.clone());
        let pairs: Vec<u32> =
            [(0, 2), (2, 2), (4, 1)].into_iter().flat_map(|(at, n)| bits(x.clone().narrow(0, at, n))).collect();
        assert_eq!(all, pairs, "{arch}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let device = Device::flex();
    for arch in ["resnet50", "vit_tiny_patch16_224"] {
        let bits = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            let mut network = network(Arch::of(arch).expect("known"), 224, &device);
            let logits = pool.install(|| network.predict(photographs(2, 224, &device)));
            values(logits).into_iter().map(f32::to_bits).collect::<Vec<u32>>()
        };
        let one = bits(1);
        assert_eq!(bits(2), one, "{arch}");
        assert_eq!(bits(4), one, "{arch}");
    }
}

#[test]
fn each_blocks_attention_can_be_seen_and_sums_to_one() {
    let device = Device::flex();
    let network = network(Arch::VitTiny, 32, &device);
    let mut sums = Vec::new();
    let see = &mut |block: usize, attention: Tensor<4>| {
        assert_eq!(attention.dims(), [2, 3, 5, 5]);
        sums.push((block, attention.clone().sum_dim(3)));
        attention
    };
    network.attended(photographs(2, 32, &device), see).expect("a ViT");
    assert_eq!(sums.iter().map(|(block, _)| *block).collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
    for (_, sums) in sums {
        close(&sums.into_data().try_to_vec::<f32>().expect("floats"), &[1.0; 30]);
    }
    assert!(self::network(Arch::ResNet18, 32, &device).attended(photographs(1, 32, &device), &mut |_, a| a).is_none());
}

#[test]
fn a_zero_leaf_added_to_an_attention_has_its_gradient() {
    let (plain, device) = (Device::flex(), Device::flex().autodiff());
    let (block, at, step) = (10, [0..1, 1..2, 0..1, 3..4], 0.1);
    let logit = |logits: Tensor<2>| logits.narrow(1, 2, 1).sum();

    let tracked = network(Arch::VitTiny, 32, &device).no_grad();
    let mut leaf = None;
    let see = &mut |number: usize, attention: Tensor<4>| {
        if number != block {
            return attention;
        }
        let zero = Tensor::<4>::zeros(attention.dims(), &device).require_grad();
        leaf = Some(zero.clone());
        attention + zero
    };
    let logits = tracked.attended(photographs(1, 32, &device), see).expect("a ViT");
    let gradients = logit(logits).backward();
    let gradient = leaf.expect("seen").grad(&gradients).expect("the logit depends on it");
    let gradient: f32 = gradient.slice(at.clone()).into_scalar();

    // The same by a difference: the attention moved by `step` either way.
    let network = network(Arch::VitTiny, 32, &plain);
    let moved = |by: f32| -> f32 {
        let see = &mut |number: usize, attention: Tensor<4>| {
            if number != block {
                return attention;
            }
            let here = attention.clone().slice(at.clone()) + by;
            attention.slice_assign(at.clone(), here)
        };
        logit(network.attended(photographs(1, 32, &plain), see).expect("a ViT")).into_scalar()
    };
    let slope = (moved(step) - moved(-step)) / (2.0 * step);
    assert!(gradient.abs() > 1e-4 && (gradient - slope).abs() < 0.01 * gradient.abs(), "{gradient} is not {slope}");
}
