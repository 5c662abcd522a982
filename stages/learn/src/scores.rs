//! What an epoch is worth on val: [`scored`] fills in its metrics, [`beats`] compares two epochs.

use crate::loss::bce;
use plantpipe_stage::format::Epoch;

/// An epoch's row: what its logits `[n, labels]` are worth against the targets of val. The loss is plain cross-entropy whatever was
/// trained with, so that epochs of different trainings can be compared.
pub(crate) fn scored(logits: &[Vec<f32>], targets: &[&[u8]], epoch: u64, lr: f64, train_loss: f64) -> Epoch {
    let exact = logits.iter().zip(targets).filter(|(row, truth)| answer(row) == **truth).count();
    let cells = logits.iter().zip(targets).flat_map(|(row, truth)| row.iter().zip(*truth));
    let losses: Vec<f64> = cells.map(|(logit, target)| bce(*logit, *target)).collect();
    Epoch {
        epoch,
        lr,
        train_loss,
        val_loss: losses.iter().sum::<f64>() / losses.len() as f64,
        val_exact_match: exact as f64 / logits.len() as f64,
        val_macro_f1: macro_f1(logits, targets),
    }
}

/// Higher val exact match, then lower val loss; the earlier epoch stays on a tie.
pub(crate) fn beats(epoch: &Epoch, best: &Epoch) -> bool {
    (epoch.val_exact_match, -epoch.val_loss) > (best.val_exact_match, -best.val_loss)
}

/// The labels answered at probability 0.5: logits of 0 and more.
fn answer(logits: &[f32]) -> Vec<u8> {
    logits.iter().map(|logit| u8::from(*logit >= 0.0)).collect()
}

/// The mean over labels of 2 tp / (2 tp + fp + fn), 0 where undefined.
fn macro_f1(logits: &[Vec<f32>], targets: &[&[u8]]) -> f64 {
    let labels = targets.first().map_or(0, |truth| truth.len());
    let f1 = |label: usize| {
        let (mut hits, mut said, mut truly) = (0, 0, 0);
        for (row, truth) in logits.iter().zip(targets) {
            let yes = u64::from(row[label] >= 0.0);
            hits += yes * u64::from(truth[label]);
            said += yes;
            truly += u64::from(truth[label]);
        }
        if said + truly == 0 { 0.0 } else { 2.0 * hits as f64 / (said + truly) as f64 }
    };
    (0..labels).map(f1).sum::<f64>() / labels.max(1) as f64
}
