//! A measurement, not a test: `cargo test -p plantpipe-learn --release -- --ignored --nocapture images_a_second` prints how
//! fast a step of training is, and the most memory the process held. `PLANTPIPE_ARCH` names one network (and an optional
//! batch, as in `resnet50:16`), else there are three; `PLANTPIPE_THREADS` is how many threads.

use crate::gradients::GradientMean;
use crate::loss::bce_with_logits;
use crate::models::{Arch, Config, Phase};
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

/// Prints the median and the spread of some steps.
fn measure(name: &str, batch: usize) {
    let device = Device::flex().autodiff();
    let arch = Arch::of(name).expect("known");
    let mut network = arch.init(Config { labels: 6, eps: 1e-5, size: 224 }, 1, &device).expect("builds");
    let mut count = Count(0);
    network.visit(&mut count);
    let paces = vec![Pace { lr_scale: 1.0, decays: true }; count.0];
    let mut optimizer = Optimizer::new(Rule::Sgd { momentum: 0.9 }, 0.0, paces);
    let pixels: Vec<f32> = (0..batch * 3 * 224 * 224).map(|at| (at * 7919 % 1009) as f32 / 504.0 - 1.0).collect();
    let images = Tensor::<4>::from_data(TensorData::new(pixels, [batch, 3, 224, 224]), &device);
    let targets = Tensor::<2>::zeros([batch, 6], &device);
    let mut speeds = Vec::new();
    for step in 0..8 {
        let start = Instant::now();
        let pooled = network.pooled(images.clone(), Phase::Train);
        let loss = bce_with_logits(network.head(pooled, None), targets.clone());
        let value: f32 = loss.clone().into_scalar();
        let forward = start.elapsed();
        let gradients = GradientMean::of(&network, loss.backward(), batch);
        let backward = start.elapsed();
        network = optimizer.step(network, gradients, 0.01);
        let all = start.elapsed();
        assert!(value.is_finite());
        if step > 1 {
            speeds.push(batch as f64 / all.as_secs_f64());
        }
        let [forward, backward, all] = [forward, backward, all].map(|took| took.as_secs_f64() * 1e3);
        println!(
            "  {name}: forwards {forward:.0} ms, backwards {:.0} ms, update {:.0} ms",
            backward - forward,
            all - backward
        );
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
