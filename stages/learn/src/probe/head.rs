//! A linear head in its two forms: [`Learning`] takes standardised features and learns, [`Answering`] takes features as
//! they are and answers; and [`Standard`], which lies between them.

use super::split::SplitFeatures;
use burn::module::{Module, Param};
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor, TensorData};
use plantpipe_stage::{Error, Result};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// What a feature is less its mean, and divided by, before it is learnt from.
pub(super) struct Standard {
    pub(super) mean: Vec<f64>,
    pub(super) scale: Vec<f64>,
}

impl Standard {
    /// Mean and (population) standard deviation of each feature over the first `views` views of the photographs; a
    /// feature that doesn't vary is not scaled.
    pub(super) fn of(train: &SplitFeatures, views: usize) -> Self {
        let count = (train.len() * views) as f64;
        let rows = || (0..train.len()).flat_map(|item| (0..views).map(move |view| train.view(item, view)));
        let mut mean = vec![0.0; train.width];
        for row in rows() {
            mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        for sum in &mut mean {
            *sum /= count;
        }
        let mut scale = vec![0.0; train.width];
        for row in rows() {
            scale.iter_mut().zip(row).zip(&mean).for_each(|((sum, x), mean)| *sum += (f64::from(*x) - mean).powi(2));
        }
        for (sum, mean) in scale.iter_mut().zip(&mean) {
            let deviation = (*sum / count).sqrt();
            *sum = if deviation > 1e-6 * mean.abs().max(1e-3) { deviation } else { 1.0 };
        }
        Self { mean, scale }
    }

    /// Leaves features as they are.
    pub(super) fn none(width: usize) -> Self {
        Self { mean: vec![0.0; width], scale: vec![1.0; width] }
    }

    /// (x - mean) / scale.
    pub(super) fn apply<'a>(&'a self, row: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        row.iter().zip(&self.mean).zip(&self.scale).map(|((x, mean), scale)| ((f64::from(*x) - mean) / scale) as f32)
    }
}

/// The head that learns, on standardised features.
#[derive(Module, Debug)]
pub(super) struct Learning {
    /// `[labels, width]`.
    weight: Param<Tensor<2>>,
    /// `[labels]`.
    bias: Param<Tensor<1>>,
}

impl Learning {
    /// All zeros: from there every label answers 1/2, and the way down is the same for every seed but for the batches.
    pub(super) fn new(labels: usize, width: usize, device: &Device) -> Self {
        Self {
            weight: Param::from_tensor(Tensor::zeros([labels, width], device)),
            bias: Param::from_tensor(Tensor::zeros([labels], device)),
        }
    }

    /// `[n, width]` -> logits `[n, labels]`.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        linear(x, self.weight.val().transpose(), Some(self.bias.val()))
    }

    /// The head that gives the same from features as they are: weight / scale, and bias - sum of weight mean / scale.
    pub(super) fn answering(&self, standard: &Standard) -> Answering {
        let read = |data: TensorData| data.try_to_vec::<f32>().expect("heads are f32");
        let (weight, bias) = (read(self.weight.val().into_data()), read(self.bias.val().into_data()));
        let width = standard.mean.len();
        let mut head = Answering { weight: Vec::new(), bias: Vec::new(), width };
        for (row, bias) in weight.chunks_exact(width).zip(bias) {
            let mut shift = 0.0;
            for ((w, mean), scale) in row.iter().zip(&standard.mean).zip(&standard.scale) {
                let w = f64::from(*w) / scale;
                shift += w * mean;
                head.weight.push(w as f32);
            }
            head.bias.push((f64::from(bias) - shift) as f32);
        }
        head
    }
}

/// The head that answers, as it is saved.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answering {
    /// `[labels, width]`.
    weight: Vec<f32>,
    /// `[labels]`.
    bias: Vec<f32>,
    width: usize,
}

impl Answering {
    /// A logit a label, of the features `[width]` of one photograph; added up in f64, so that the order hardly matters.
    pub(super) fn logits(&self, features: &[f32]) -> Vec<f32> {
        let of_label = |(row, bias): (&[f32], &f32)| {
            let sum: f64 = row.iter().zip(features).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
            (sum + f64::from(*bias)) as f32
        };
        self.weight.chunks_exact(self.width).zip(&self.bias).map(of_label).collect()
    }

    /// As a safetensors file; `prefix` is what the arch's head is called: `fc.`, `classifier.`, `head.`.
    pub(super) fn save(&self, prefix: &str) -> Result<Vec<u8>> {
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let (weight, bias) = (bytes(&self.weight), bytes(&self.bias));
        let failed = |error| Error::new(format!("cannot write the head as safetensors: {error}"));
        let labels = self.bias.len();
        let weight = TensorView::new(Dtype::F32, vec![labels, self.width], &weight).map_err(failed)?;
        let bias = TensorView::new(Dtype::F32, vec![labels], &bias).map_err(failed)?;
        safetensors::serialize([(format!("{prefix}bias"), bias), (format!("{prefix}weight"), weight)], None)
            .map_err(failed)
    }
}
