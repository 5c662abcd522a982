//! The losses against `PyTorch`'s values and gradients (`tests/fixtures/losses.py`), and at the ends of their range.

use crate::loss::{Confusion, Criterion, Form, Loss};
use burn::tensor::{Device, Tensor};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Fixture {
    labels: usize,
    logits: Vec<f32>,
    hard: Vec<f32>,
    soft: Vec<f32>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    loss: String,
    targets: String,
    value: f64,
    gradient: Vec<f64>,
    gamma: Option<f64>,
    alpha: Option<f64>,
    gamma_neg: Option<f64>,
    gamma_pos: Option<f64>,
    margin: Option<f64>,
    pos_weight: Option<Vec<f32>>,
}

/// A function of logits, on an autodiff device, and its gradient.
fn slope(values: &[f32], labels: usize, f: impl Fn(Tensor<2>) -> Tensor<1>) -> (f64, Vec<f64>) {
    let device = Device::flex().autodiff();
    let logits = tensor(values, labels, &device).require_grad();
    let value = f(logits.clone());
    let gradient = logits.grad(&value.backward()).expect("gradient");
    let gradient: Vec<f32> = gradient.into_data().try_to_vec().expect("floats");
    (f64::from(value.into_scalar::<f32>()), gradient.into_iter().map(f64::from).collect())
}

fn tensor(values: &[f32], labels: usize, device: &Device) -> Tensor<2> {
    Tensor::<1>::from_floats(values, device).reshape([values.len() / labels, labels])
}

fn loss(case: &Case) -> Loss {
    let wanted = |value: Option<f64>| value.expect("the fixture gives it");
    match case.loss.as_str() {
        "bce" => Loss::Bce { pos_weight: case.pos_weight.clone() },
        "focal" => Loss::Focal { gamma: wanted(case.gamma), alpha: case.alpha },
        "asl" => Loss::Asl {
            gamma_neg: wanted(case.gamma_neg),
            gamma_pos: wanted(case.gamma_pos),
            margin: wanted(case.margin),
        },
        other => panic!("no loss is called `{other}`"),
    }
}

#[test]
fn every_loss_has_the_value_and_gradient_that_pytorch_gives() {
    let fixture: Fixture =
        serde_json::from_str(include_str!("../../tests/fixtures/losses.json")).expect("the fixture is JSON");
    let mut seen = BTreeMap::new();
    for case in &fixture.cases {
        let targets = if case.targets == "hard" { &fixture.hard } else { &fixture.soft };
        let (value, gradient) = slope(&fixture.logits, fixture.labels, |logits| {
            let targets = tensor(targets, fixture.labels, &logits.device());
            let form = match case.loss.as_str() {
                "paper" => Form::Paper,
                "code" => Form::Code,
                _ => return loss(case).forward(logits, targets),
            };
            Confusion { form, weight: 1.0 }.forward(logits, &targets).expect("pairs")
        });
        let far = gradient.iter().zip(&case.gradient).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!((value - case.value).abs() < 1e-5, "{} {}: {value} is not {}", case.loss, case.targets, case.value);
        assert!(far < 1e-5 && gradient.len() == case.gradient.len(), "{} {}: {far}", case.loss, case.targets);
        *seen.entry(case.loss.as_str()).or_insert(0) += 1;
    }
    assert_eq!(seen, BTreeMap::from([("asl", 8), ("bce", 4), ("code", 2), ("focal", 8), ("paper", 2)]));
}

/// Every loss, with exponents that are hard on gradients.
fn all() -> Vec<Loss> {
    vec![
        Loss::Bce { pos_weight: None },
        Loss::Bce { pos_weight: Some(vec![0.5, 8.0]) },
        Loss::Focal { gamma: 2.0, alpha: None },
        Loss::Focal { gamma: 0.3, alpha: Some(0.25) },
        Loss::Asl { gamma_neg: 2.0, gamma_pos: 0.0, margin: 0.0 },
        Loss::Asl { gamma_neg: 0.3, gamma_pos: 1.0, margin: 0.05 },
    ]
}

#[test]
fn gradients_are_what_small_differences_say() {
    // Nowhere at p = margin, where asymmetric loss has a corner.
    const LOGITS: [f32; 8] = [0.4, -1.2, 2.0, -2.0, -0.3, 0.9, 1.1, -0.6];
    const TARGETS: [f32; 8] = [1.0, 0.0, 0.0, 1.0, 0.25, 0.7, 0.0, 1.0];
    const STEP: f32 = 0.01;
    for form in [Form::Paper, Form::Code] {
        for loss in all() {
            let criterion = Criterion { loss, confusion: Some(Confusion { form, weight: 0.5 }) };
            let value = |logits: &[f32]| {
                slope(logits, 2, |logits| {
                    let targets = tensor(&TARGETS, 2, &logits.device());
                    criterion.forward(logits, targets)
                })
            };
            let (_, gradient) = value(&LOGITS);
            for at in 0..LOGITS.len() {
                let moved = |step: f32| {
                    let mut logits = LOGITS;
                    logits[at] += step;
                    value(&logits).0
                };
                let difference = (moved(STEP) - moved(-STEP)) / f64::from(2.0 * STEP);
                assert!((gradient[at] - difference).abs() < 1e-4, "{criterion:?} at {at}: {gradient:?}, {difference}");
            }
        }
    }
}

#[test]
fn logits_out_of_all_bounds_leave_every_loss_and_gradient_finite() {
    for loss in all() {
        for targets in [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.5, 0.5]] {
            let (value, gradient) = slope(&[500.0, -500.0, 500.0, -500.0], 2, |x| {
                loss.forward(x.clone(), tensor(&targets, 2, &x.device()))
            });
            assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{loss:?}: {value}, {gradient:?}");
        }
    }
}

#[test]
fn a_focus_of_zero_is_plain_cross_entropy() {
    const LOGITS: [f32; 4] = [0.4, -1.2, 2.0, -2.0];
    const TARGETS: [f32; 4] = [1.0, 0.3, 0.0, 1.0];
    let of =
        |loss: Loss| slope(&LOGITS, 2, |logits| loss.forward(logits.clone(), tensor(&TARGETS, 2, &logits.device())));
    let (value, gradient) = of(Loss::Bce { pos_weight: None });
    for loss in [
        Loss::Bce { pos_weight: Some(vec![1.0; 2]) },
        Loss::Focal { gamma: 0.0, alpha: None },
        Loss::Asl { gamma_neg: 0.0, gamma_pos: 0.0, margin: 0.0 },
    ] {
        let (same, slope) = of(loss.clone());
        let far = gradient.iter().zip(slope).map(|(a, b)| (a - b).abs()).fold((value - same).abs(), f64::max);
        assert!(far < 1e-6, "{loss:?}: {far}");
    }
}

#[test]
fn a_negative_below_the_margin_of_asymmetric_loss_costs_nothing_and_pulls_nowhere() {
    // p = s(-4) = 0.018 lies below 0.05.
    let loss = Loss::Asl { gamma_neg: 0.0, gamma_pos: 0.0, margin: 0.05 };
    let (value, gradient) = slope(&[-4.0], 1, |x| loss.forward(x.clone(), tensor(&[0.0], 1, &x.device())));
    assert_eq!((value, gradient), (0.0, vec![0.0]));
}
