//! A training as it is saved: [`About`], which says where it is, and its tensors, of which [`write()`] makes a file and
//! [`Tensors`] reads it.

use super::fit::{Best, Journey};
use crate::gradients::flat;
use crate::models::Network;
use crate::weights;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use plantpipe_stage::format::Epoch;
use plantpipe_stage::{Error, IoContext, Result};
use safetensors::tensor::View;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// Where a training is. Floats are kept by their bits: their digits may not survive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    /// Digest of all that it began with.
    pub(super) origin: String,
    /// How many epochs were asked for.
    pub(super) epochs: u64,
    /// The epoch at work, from 1, and its batches seen.
    pub(super) epoch: u64,
    pub(super) batches: usize,
    /// The sum of their photographs' losses.
    loss: u64,
    /// Batches seen and steps done in all.
    pub(super) seen: usize,
    pub(super) steps: usize,
    /// How often each parameter has been learnt, in the order of the visit.
    learnt: Vec<i32>,
    history: Vec<(u64, [u64; 5])>,
    /// The epoch kept so far.
    best: Option<u64>,
}

impl About {
    pub(super) fn of(journey: &Journey, origin: &str, epochs: u64) -> Self {
        let Journey { learner, history, best, .. } = journey;
        Self {
            origin: origin.to_owned(),
            epochs,
            epoch: learner.epoch,
            batches: learner.batches,
            loss: learner.loss.to_bits(),
            seen: learner.seen,
            steps: learner.steps,
            learnt: learner.optimizer.memory().map(|(steps, _)| steps).collect(),
            history: history.iter().map(row).collect(),
            best: best.as_ref().map(|best| best.epoch.epoch),
        }
    }

    /// Sets out the journey again: one that is at its beginning becomes as it was when it was saved.
    pub(super) fn put(&self, mut tensors: Tensors, journey: &mut Journey) -> Result<()> {
        let learner = &mut journey.learner;
        (learner.epoch, learner.batches, learner.loss) = (self.epoch, self.batches, f64::from_bits(self.loss));
        (learner.seen, learner.steps) = (self.seen, self.steps);
        let names = weights::names(&learner.network);
        // Moments lie where no gradient is followed.
        let device = learner.training.device.clone().without_autodiff();
        let memory = names.iter().zip(&self.learnt).map(|(name, steps)| {
            let moments = (0..).map_while(|number| tensors.take(&format!("{MOMENT}{number}/{name}")));
            (*steps, moments.map(|values| tensor(values, &device)).collect())
        });
        learner.optimizer.remember(memory.collect());
        if let Some(ema) = &mut learner.ema {
            *ema = ema.resumed(tensors.fill(ema.network().clone(), AVERAGE)?);
        }
        if let Some(best) = self.best {
            let network = tensors.fill(learner.network.valid(), BEST)?;
            let found = self.history.iter().map(epoch).find(|epoch| epoch.epoch == best);
            let epoch = found.ok_or_else(|| Error::new("a checkpoint whose best epoch is not in its history"))?;
            journey.best = Some(Best { epoch, network });
        }
        journey.history = self.history.iter().map(epoch).collect();
        let network = tensors.fill(learner.network.clone(), NETWORK)?;
        learner.set_network(network);
        tensors.end()
    }
}

fn row(epoch: &Epoch) -> (u64, [u64; 5]) {
    let Epoch { epoch, lr, train_loss, val_loss, val_exact_match, val_macro_f1 } = *epoch;
    (epoch, [lr, train_loss, val_loss, val_exact_match, val_macro_f1].map(f64::to_bits))
}

fn epoch((epoch, bits): &(u64, [u64; 5])) -> Epoch {
    let [lr, train_loss, val_loss, val_exact_match, val_macro_f1] = bits.map(f64::from_bits);
    Epoch { epoch: *epoch, lr, train_loss, val_loss, val_exact_match, val_macro_f1 }
}

/// What tensors are called: one of these before the name of the network's tensor.
const NETWORK: &str = "network/";
const AVERAGE: &str = "average/";
const BEST: &str = "best/";
/// And the number of the moment.
const MOMENT: &str = "moment";

/// Writes every tensor that changes, one after another, so that none but one is in memory twice.
pub(super) fn write(journey: &Journey, path: &Path) -> Result<()> {
    let Journey { learner, best, .. } = journey;
    let names = weights::names(&learner.network);
    let mut all = Vec::new();
    let mut add = |prefix: &str, network: &Network| {
        let mut collector = Collector(Vec::new());
        network.visit(&mut collector);
        all.extend(names.iter().zip(collector.0).map(|(name, values)| (format!("{prefix}{name}"), Values::of(values))));
    };
    add(NETWORK, &learner.network.valid());
    if let Some(ema) = &learner.ema {
        add(AVERAGE, ema.network());
    }
    if let Some(best) = best {
        add(BEST, &best.network);
    }
    for (name, (_, moments)) in names.iter().zip(learner.optimizer.memory()) {
        let moments = moments.iter().enumerate();
        all.extend(moments.map(|(number, moment)| (format!("{MOMENT}{number}/{name}"), Values::of(moment.clone()))));
    }
    safetensors::serialize_to_file(all, None, path).io("write", path)
}

/// Every tensor of a network, flattened, in the order of the visit.
struct Collector(Vec<Tensor<1>>);

impl ModuleVisitor for Collector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(flat(param.val()));
    }
}

/// A tensor that is read from its device when it is written.
struct Values {
    tensor: Tensor<1>,
    shape: [usize; 1],
}

impl Values {
    fn of(tensor: Tensor<1>) -> Self {
        Self { shape: tensor.dims(), tensor }
    }
}

impl View for Values {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values: Vec<f32> = self.tensor.clone().into_data().try_to_vec().expect("what learns is f32");
        values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>().into()
    }

    fn data_len(&self) -> usize {
        self.shape[0] * size_of::<f32>()
    }
}

/// The tensors of a file, each to be taken once.
pub(super) struct Tensors(BTreeMap<String, Vec<f32>>);

impl Tensors {
    /// Reads a file that is known to be as it was written.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).io("read", path)?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| Error::at(path, error))?;
        let values = |data: &[u8]| data.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
        Ok(Self(file.iter().map(|(name, view)| (name.to_owned(), values(view.data()))).collect()))
    }

    fn take(&mut self, name: &str) -> Option<Vec<f32>> {
        self.0.remove(name)
    }

    /// The network with the tensors that begin so: all of them.
    fn fill(&mut self, network: Network, prefix: &str) -> Result<Network> {
        let mut values = BTreeMap::new();
        for name in weights::names(&network) {
            let found = self.take(&format!("{prefix}{name}"));
            let found = found.ok_or_else(|| Error::new(format!("a checkpoint without `{prefix}{name}`")))?;
            values.insert(name, found);
        }
        Ok(weights::walk::put(network, values))
    }

    /// Fails where any is left over.
    fn end(self) -> Result<()> {
        match self.0.keys().next() {
            Some(name) => Err(Error::new(format!("a checkpoint with `{name}`, which has no place"))),
            None => Ok(()),
        }
    }
}

fn tensor(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}
