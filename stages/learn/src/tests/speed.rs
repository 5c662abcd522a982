//! A measurement, not a test: `cargo test -p plantpipe-learn --release -- --ignored --nocapture images_a_second` prints how
//! fast a step of training is, and the most memory the process held. `PLANTPIPE_ARCH` names one network (and an optional
//! batch, as in `resnet50:16`), else there are three; `PLANTPIPE_THREADS` is how many threads.

use crate::explain::{Eyes, Way};
use crate::gradients::GradientMean;
use crate::loss::bce_with_logits;
use crate::models::{Arch, Config, Network, Phase};
use crate::optim::{Optimizer, Pace, Rule};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use std::time::Instant;

/// Parameters, running statistics among them.
struct Count(usize);

impl ModuleVisitor for Count {
    fn visit_float<const D: usize>(&mut self, _: &Param<Tensor<D>>) {
        self.0 += 1;
    }
}

/// Photographs of 224 px that look like noise.
fn images(count: usize, device: &Device) -> Tensor<4> {
    let pixels: Vec<f32> = (0..count * 3 * 224 * 224).map(|at| (at * 7919 % 1009) as f32 / 504.0 - 1.0).collect();
    Tensor::from_data(TensorData::new(pixels, [count, 3, 224, 224]), device)
}

fn network(name: &str) -> Network {
    let arch = Arch::of(name).expect("known");
    arch.init(Config { labels: 6, eps: 1e-5, size: 224 }, 1, &Device::flex().autodiff()).expect("builds")
}

/// A network in training.
pub(super) struct Training {
    network: Option<Network>,
    optimizer: Optimizer,
    images: Tensor<4>,
    targets: Tensor<2>,
}

impl Training {
    fn new(name: &str, batch: usize) -> Self {
        let device = Device::flex().autodiff();
        let network = network(name);
        let mut count = Count(0);
        network.visit(&mut count);
        let paces = vec![Pace { lr_scale: 1.0, decays: true }; count.0];
        let optimizer = Optimizer::new(Rule::Sgd { momentum: 0.9 }, 0.0, paces);
        let targets = Tensor::<2>::zeros([batch, 6], &device);
        Self { network: Some(network), optimizer, images: images(batch, &device), targets }
    }

    /// One step; how long forwards, backwards and the update took, ms.
    fn step(&mut self) -> [f64; 3] {
        let mut network = self.network.take().expect("it comes back");
        let batch = self.targets.dims()[0];
        let start = Instant::now();
        let pooled = network.pooled(self.images.clone(), Phase::Train);
        let loss = bce_with_logits(network.head(pooled, None), self.targets.clone());
        let value: f32 = loss.clone().into_scalar();
        let forward = start.elapsed();
        let gradients = GradientMean::of(&network, loss.backward(), batch);
        let backward = start.elapsed();
        self.network = Some(self.optimizer.step(network, gradients, 0.01));
        let all = start.elapsed();
        assert!(value.is_finite());
        let [forward, backward, all] = [forward, backward, all].map(|took| took.as_secs_f64() * 1e3);
        [forward, backward - forward, all - backward]
    }
}

/// What is timed beside others.
pub(super) enum Step {
    Train(Box<Training>),
    /// Logits, as `predict` has them.
    Infer(Box<Network>, Tensor<4>),
    /// Maps of three labels a photograph by Grad-CAM, as `explain` has them.
    Cam(Box<Eyes>, Tensor<4>),
}

impl Step {
    pub(super) fn new(part: &str, name: &str, batch: usize) -> Self {
        let plain = |network: &Network| Box::new(network.valid());
        match part {
            "train" => Self::Train(Box::new(Training::new(name, batch))),
            "infer" => Self::Infer(plain(&network(name)), images(batch, &Device::flex())),
            "cam" => {
                let eyes = Eyes::new(Way::grad_cam(), &network(name));
                Self::Cam(Box::new(eyes), images(batch, &Device::flex()))
            }
            other => panic!("no part is called `{other}`"),
        }
    }

    pub(super) fn make(&mut self) {
        match self {
            Self::Train(training) => drop(training.step()),
            Self::Infer(network, images) => drop(network.predict(images.clone()).into_data()),
            Self::Cam(eyes, images) => {
                let pairs: Vec<(usize, usize)> =
                    (0..images.dims()[0]).flat_map(|row| (0..3).map(move |label| (row, label))).collect();
                drop(eyes.maps(images.clone(), &pairs));
            }
        }
    }
}

/// Prints the median and the spread of some steps.
fn measure(name: &str, batch: usize) {
    let mut training = Training::new(name, batch);
    let mut speeds = Vec::new();
    for step in 0..8 {
        let [forward, backward, update] = training.step();
        if step > 1 {
            speeds.push(batch as f64 * 1e3 / (forward + backward + update));
        }
        println!("  {name}: forwards {forward:.0} ms, backwards {backward:.0} ms, update {update:.0} ms");
    }
    speeds.sort_by(f64::total_cmp);
    let most = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most = most.lines().find_map(|line| line.strip_prefix("VmHWM:")).map_or("unknown", str::trim).to_owned();
    println!(
        "{name}, batch {batch}: {:.1} images/s (from {:.1} to {:.1}), at most {most}",
        speeds[speeds.len() / 2],
        speeds[0],
        speeds[speeds.len() - 1]
    );
}

#[test]
#[ignore = "it prints a speed and has nothing to pass or fail; run it on a quiet machine"]
fn images_a_second() {
    let asked = std::env::var("PLANTPIPE_ARCH")
        .unwrap_or_else(|_| "efficientnet_lite0:32,resnet50:16,vit_small_patch16_224:16".to_owned());
    let threads = std::env::var("PLANTPIPE_THREADS").ok().and_then(|count| count.parse().ok()).unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool.install(|| {
        for one in asked.split(',') {
            let (name, batch) = one.split_once(':').unwrap_or((one, "16"));
            measure(name, batch.parse().expect("a number of photographs"));
        }
    });
}
