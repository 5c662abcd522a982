//! The optimisers with `PyTorch`'s semantics, [`Optimizer`], and the learning rate over time, [`Schedule`].
//!
//! State is kept in the order in which the network visits its parameters, so that it depends on no random id. Weight
//! decay spares what has one dimension (norms and biases), and what its [`Pace`] says.

use crate::gradients::{GradientMean, flat};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use serde::Deserialize;

/// Which rule, with its constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rule {
    /// g += decay p; v = momentum v + g; p -= lr v (no dampening, no Nesterov).
    Sgd { momentum: f64 },
    /// Loshchilov and Hutter 2019: p -= lr decay p; p -= lr m^ / (sqrt(v^) + 1e-8), betas 0.9 and 0.999.
    AdamW,
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPS: f64 = 1e-8;

/// A rule and the state it has gathered.
pub(crate) struct Optimizer {
    rule: Rule,
    weight_decay: f64,
    /// A parameter each, in the order of the visit.
    state: Vec<State>,
}

/// How one parameter learns, beside the rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// Its learning rate is this times that of the step.
    pub(crate) lr_scale: f64,
    /// Whether its weights decay, if it has more than one dimension.
    pub(crate) decays: bool,
}

/// What is remembered of one parameter.
struct State {
    pace: Pace,
    /// How often it has been learnt: as in `PyTorch`, a frozen parameter counts no steps.
    steps: i32,
    /// The momentum buffer, or the two moments, flattened.
    moments: Vec<Tensor<1>>,
}

impl Optimizer {
    /// A pace for each parameter, in the order in which the network visits them, running statistics too.
    pub(crate) fn new(rule: Rule, weight_decay: f64, paces: Vec<Pace>) -> Self {
        let state = paces.into_iter().map(|pace| State { pace, steps: 0, moments: Vec::new() }).collect();
        Self { rule, weight_decay, state }
    }

    /// What is remembered of each parameter, in the order of the visit: how often it was learnt, and its moments.
    pub(crate) fn memory(&self) -> impl Iterator<Item = (i32, &[Tensor<1>])> {
        self.state.iter().map(|state| (state.steps, state.moments.as_slice()))
    }

    /// Remembers what [`Optimizer::memory`] told.
    pub(crate) fn remember(&mut self, memory: Vec<(i32, Vec<Tensor<1>>)>) {
        for (state, (steps, moments)) in self.state.iter_mut().zip(memory) {
            (state.steps, state.moments) = (steps, moments);
        }
    }

    /// The network after one step down the gradients; what is frozen stays.
    pub(crate) fn step<M: Module>(&mut self, network: M, gradients: GradientMean, lr: f64) -> M {
        network.map(&mut Step { optimizer: self, gradients, lr, at: 0 })
    }

    /// The new value of one parameter.
    fn update<const D: usize>(&mut self, at: usize, value: Tensor<D>, gradient: Tensor<1>, lr: f64) -> Tensor<D> {
        let shape = value.dims();
        let State { pace, steps, moments } = &mut self.state[at];
        let decay = if D > 1 && pace.decays { self.weight_decay } else { 0.0 };
        let lr = lr * pace.lr_scale;
        *steps += 1;
        let value = match self.rule {
            Rule::Sgd { momentum } => sgd(moments, flat(value), gradient, lr, momentum, decay),
            Rule::AdamW => adamw(moments, flat(value), gradient, lr, decay, *steps),
        };
        value.reshape(shape)
    }
}

/// One SGD update; the first buffer is the gradient itself.
fn sgd(state: &mut Vec<Tensor<1>>, p: Tensor<1>, g: Tensor<1>, lr: f64, momentum: f64, decay: f64) -> Tensor<1> {
    let g = if decay > 0.0 { g + p.clone() * decay } else { g };
    let v = match state.pop() {
        Some(v) => v * momentum + g,
        None => g,
    };
    state.push(v.clone());
    p - v * lr
}

/// One `AdamW` update, the `steps`-th.
fn adamw(state: &mut Vec<Tensor<1>>, p: Tensor<1>, g: Tensor<1>, lr: f64, decay: f64, steps: i32) -> Tensor<1> {
    let (m, v) = match (state.pop(), state.pop()) {
        (Some(v), Some(m)) => (m, v),
        _ => (g.zeros_like(), g.zeros_like()),
    };
    let m = m * BETA1 + g.clone() * (1.0 - BETA1);
    let v = v * BETA2 + g.square() * (1.0 - BETA2);
    state.push(m.clone());
    state.push(v.clone());
    // m^ = m / (1 - beta1^t), v^ = v / (1 - beta2^t); the corrections are numbers, folded into lr and sqrt.
    let (correction1, correction2) = (1.0 - BETA1.powi(steps), 1.0 - BETA2.powi(steps));
    let denominator = v.sqrt() / correction2.sqrt() + EPS;
    p * (1.0 - lr * decay) - m / denominator * (lr / correction1)
}

/// Walks the network's parameters in their order.
struct Step<'a> {
    optimizer: &'a mut Optimizer,
    gradients: GradientMean,
    lr: f64,
    at: usize,
}

impl ModuleMapper for Step<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let at = self.at;
        self.at += 1;
        if !param.is_require_grad() {
            return param;
        }
        let id = param.id;
        let value = param.into_value();
        let gradient = self.gradients.take(at).expect("every learnable parameter takes part in the loss");
        let value = self.optimizer.update(at, value.inner(), gradient, self.lr);
        Param::initialized(id, Tensor::from_inner(value).require_grad())
    }
}

/// What the learning rate does after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    /// Half a cosine down to 0.
    Cosine,
    Constant,
}

/// Linear warm-up from almost nothing to `peak`, then what the shape says, step by step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) shape: Shape,
    pub(crate) peak: f64,
    /// Steps of warm-up.
    pub(crate) warmup: usize,
    /// Steps in all.
    pub(crate) total: usize,
}

impl Schedule {
    /// The learning rate of a step, counted from 0.
    pub(crate) fn at(&self, step: usize) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        if self.shape == Shape::Constant {
            return self.peak;
        }
        let done = (step - self.warmup) as f64 / self.total.saturating_sub(self.warmup).max(1) as f64;
        self.peak * 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// A weight (decayed) and a bias (not), with the gradients 0.5 and 2 whatever their values.
    #[derive(Module, Debug)]
    struct Toy {
        weight: Param<Tensor<2>>,
        bias: Param<Tensor<1>>,
    }

    impl Toy {
        fn new() -> Self {
            let device = Device::flex().autodiff();
            Self {
                weight: Param::from_tensor(Tensor::from_floats([[1.0]], &device)),
                bias: Param::from_tensor(Tensor::from_floats([1.0], &device)),
            }
        }

        fn step(self, optimizer: &mut Optimizer, lr: f64) -> Self {
            let loss = self.weight.val().sum() * 0.5 + self.bias.val().sum() * 2.0;
            let gradients = GradientMean::of(&self, loss.backward(), 1);
            optimizer.step(self, gradients, lr)
        }

        fn values(&self) -> (f32, f32) {
            (self.weight.val().into_scalar(), self.bias.val().into_scalar())
        }
    }

    const FULL: Pace = Pace { lr_scale: 1.0, decays: true };

    fn run(rule: Rule, lr: f64, decay: f64, steps: usize) -> (f32, f32) {
        let mut optimizer = Optimizer::new(rule, decay, vec![FULL; 2]);
        (0..steps).fold(Toy::new(), |toy, _| toy.step(&mut optimizer, lr)).values()
    }

    fn close(actual: f32, expected: f32) {
        assert!((actual - expected).abs() < 1e-6, "{actual} is not {expected}");
    }

    #[test]
    fn sgd_gathers_momentum_without_dampening_and_decays_weights_only() {
        let (weight, bias) = run(Rule::Sgd { momentum: 0.9 }, 0.1, 0.2, 2);
        // Weight: g = 0.5 + 0.2 * 1 = 0.7, v = 0.7, p = 0.93; g = 0.5 + 0.2 * 0.93 = 0.686, v = 0.63 + 0.686 = 1.316,
        // p = 0.7984. Bias: v = 2, p = 0.8; v = 3.8, p = 0.42.
        close(weight, 0.7984);
        close(bias, 0.42);
    }

    #[test]
    fn adamw_steps_by_the_learning_rate_and_decouples_decay() {
        let (weight, bias) = run(Rule::AdamW, 0.1, 0.5, 2);
        // A constant gradient makes m^ / sqrt(v^) its sign, up to eps: 1. Weight: 1 * 0.95 - 0.1 = 0.85, then
        // 0.85 * 0.95 - 0.1 = 0.7075. Bias: 0.9, 0.8.
        close(weight, 0.7075);
        close(bias, 0.8);
    }

    #[test]
    fn a_scale_slows_its_parameter_alone() {
        let paces = vec![Pace { lr_scale: 0.5, decays: true }, FULL];
        let mut optimizer = Optimizer::new(Rule::Sgd { momentum: 0.0 }, 0.0, paces);
        // 1 - 0.1 * 0.5 * 0.5 and 1 - 0.1 * 2.
        let (weight, bias) = Toy::new().step(&mut optimizer, 0.1).values();
        close(weight, 0.975);
        close(bias, 0.8);
    }

    #[test]
    fn a_weight_may_be_spared_from_decay() {
        let paces = vec![Pace { lr_scale: 1.0, decays: false }, FULL];
        let mut optimizer = Optimizer::new(Rule::Sgd { momentum: 0.0 }, 0.5, paces);
        close(Toy::new().step(&mut optimizer, 0.1).values().0, 0.95);
    }

    #[test]
    fn a_frozen_parameter_stays_and_begins_anew_when_it_thaws() {
        let mut optimizer = Optimizer::new(Rule::AdamW, 0.5, vec![FULL; 2]);
        let mut toy = Toy::new();
        toy.weight = toy.weight.set_require_grad(false);
        toy = toy.step(&mut optimizer, 0.1).step(&mut optimizer, 0.1);
        close(toy.values().0, 1.0);
        close(toy.values().1, 0.8);
        // Its first step is that of a fresh one, 1 * 0.95 - 0.1: with the step count of the bias it would be another.
        toy.weight = toy.weight.set_require_grad(true);
        close(toy.step(&mut optimizer, 0.1).values().0, 0.85);
    }

    #[test]
    fn the_schedule_warms_up_and_follows_a_cosine_to_zero() {
        let schedule = Schedule { shape: Shape::Cosine, peak: 1.0, warmup: 2, total: 6 };
        // 1/2, 1, then (1 + cos(k pi / 4)) / 2 for k = 0, 1, 2, 3.
        let expected = [0.5, 1.0, 1.0, 0.853_553, 0.5, 0.146_447];
        for (step, value) in expected.into_iter().enumerate() {
            assert!((schedule.at(step) - value).abs() < 1e-6, "step {step}: {}", schedule.at(step));
        }
    }

    #[test]
    fn a_constant_schedule_stays_at_its_peak_after_the_warm_up() {
        let schedule = Schedule { shape: Shape::Constant, peak: 1.0, warmup: 2, total: 4 };
        let rates = [0, 1, 2, 3, 9].map(|step| schedule.at(step).to_bits());
        assert_eq!(rates, [0.5, 1.0, 1.0, 1.0, 1.0].map(f64::to_bits));
    }

    #[test]
    fn a_schedule_without_warm_up_begins_at_its_peak() {
        assert!((Schedule { shape: Shape::Cosine, peak: 0.3, warmup: 0, total: 10 }.at(0) - 0.3).abs() < 1e-12);
    }
}
