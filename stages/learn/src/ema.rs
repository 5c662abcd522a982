//! The exponential moving average of a network: [`Ema`], every tensor of it, running statistics too, as timm's
//! `ModelEmaV3` has it.

use crate::gradients::flat;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use std::vec::IntoIter;

/// The average so far.
pub(crate) struct Ema<M> {
    decay: f64,
    /// Without autodiff.
    network: M,
}

impl<M: Module> Ema<M> {
    /// Begins at the network as it is.
    pub(crate) fn new(network: &M, decay: f64) -> Self {
        Self { decay, network: network.valid() }
    }

    /// The same with an average that was reached before.
    pub(crate) fn resumed(&self, average: M) -> Self {
        Self { decay: self.decay, network: average }
    }

    /// After a step: average += (1 - decay)(network - average).
    pub(crate) fn follow(&mut self, network: &M) {
        let mut now = Now(Vec::new());
        network.valid().visit(&mut now);
        self.network = self.network.clone().map(&mut Follow { decay: self.decay, now: now.0.into_iter() });
    }

    /// The averaged network.
    pub(crate) fn network(&self) -> &M {
        &self.network
    }
}

/// Every tensor of a network, flattened, in the order of the visit.
struct Now(Vec<Tensor<1>>);

impl ModuleVisitor for Now {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(flat(param.val()));
    }
}

struct Follow {
    decay: f64,
    now: IntoIter<Tensor<1>>,
}

impl ModuleMapper for Follow {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let now = self.now.next().expect("the same network");
        let (id, average) = (param.id, param.into_value());
        let shape = average.dims();
        let average = flat(average);
        let average = average.clone() + (now - average) * (1.0 - self.decay);
        Param::initialized(id, average.reshape(shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// A weight, and a running statistic that nothing learns.
    #[derive(Module, Debug)]
    struct Toy {
        weight: Param<Tensor<2>>,
        running_mean: Param<Tensor<1>>,
    }

    fn toy(weight: f32, mean: f32) -> Toy {
        let device = Device::flex().autodiff();
        Toy {
            weight: Param::from_tensor(Tensor::from_floats([[weight, 1.0]], &device)),
            running_mean: Param::from_tensor(Tensor::from_floats([mean], &device)).set_require_grad(false),
        }
    }

    fn values(toy: &Toy) -> Vec<f32> {
        let read = |tensor: Tensor<1>| tensor.into_data().try_to_vec::<f32>().expect("floats");
        [read(flat(toy.weight.val())), read(toy.running_mean.val())].concat()
    }

    #[test]
    fn the_average_keeps_its_share_and_takes_the_rest_from_the_network() {
        let mut ema = Ema::new(&toy(0.0, 8.0), 0.75);
        assert_eq!(values(ema.network()), [0.0, 1.0, 8.0]);
        // 0 + (4 - 0) / 4 = 1, 8 + (0 - 8) / 4 = 6; then 1 + 3 / 4 and 6 - 6 / 4.
        ema.follow(&toy(4.0, 0.0));
        assert_eq!(values(ema.network()), [1.0, 1.0, 6.0]);
        ema.follow(&toy(4.0, 0.0));
        assert_eq!(values(ema.network()), [1.75, 1.0, 4.5]);
    }
}
