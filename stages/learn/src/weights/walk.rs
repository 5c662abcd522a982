//! The tensors of a network by their published names: [`tensors`] and [`shapes`] gather them, [`put`] sets them.

use crate::models::Network;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use std::collections::BTreeMap;

/// Every tensor of a network, the running statistics too: name -> shape and values.
pub(crate) fn tensors(network: &Network) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let mut collector = Collector::default();
    network.visit(&mut collector);
    collector.tensors
}

/// The names of its tensors, the running statistics too, in the order in which the network visits them.
pub(crate) fn names(network: &Network) -> Vec<String> {
    let mut names = Names::default();
    network.visit(&mut names);
    names.names
}

pub(crate) fn shapes(network: &Network) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = Shapes::default();
    network.visit(&mut shapes);
    shapes.shapes
}

/// The network with these values, whose names and lengths are its own; what has none keeps what it had.
pub(crate) fn put(network: Network, values: BTreeMap<String, Vec<f32>>) -> Network {
    network.map(&mut Loader { place: Place::default(), values })
}

/// Running statistics are state, not parameters.
pub(crate) fn is_learnable(name: &str) -> bool {
    !name.ends_with(".running_mean") && !name.ends_with(".running_var")
}

/// Where a walk through a network is: field names and indices, which make the published tensor names.
#[derive(Default)]
pub(crate) struct Place(Vec<String>);

impl Place {
    /// The variant of the [`Network`] enum is no part of a name.
    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.push(name.to_owned());
        }
    }

    pub(crate) fn exit(&mut self, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.pop();
        }
    }

    pub(crate) fn name(&self) -> String {
        self.0.join(".")
    }
}

#[derive(Default)]
struct Collector {
    place: Place,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }
    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.place.exit(container_type);
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values = param.val().into_data().try_to_vec().expect("weights are f32");
        self.tensors.insert(self.place.name(), (param.dims().to_vec(), values));
    }
}

#[derive(Default)]
struct Names {
    place: Place,
    names: Vec<String>,
}

impl ModuleVisitor for Names {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }
    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.place.exit(container_type);
    }
    fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {
        self.names.push(self.place.name());
    }
}

#[derive(Default)]
struct Shapes {
    place: Place,
    shapes: BTreeMap<String, Vec<usize>>,
}

impl ModuleVisitor for Shapes {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }
    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.place.exit(container_type);
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.shapes.insert(self.place.name(), param.dims().to_vec());
    }
}

/// Puts values, checked before, in their places; what has none keeps its own.
struct Loader {
    place: Place,
    values: BTreeMap<String, Vec<f32>>,
}

impl ModuleMapper for Loader {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }
    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.place.exit(container_type);
    }
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.place.name();
        let Some(values) = self.values.remove(&name) else {
            return param;
        };
        let (shape, device) = (param.dims(), param.device());
        let value = Tensor::from_data(TensorData::new(values, shape), &device);
        Param::initialized(param.id, value).set_require_grad(is_learnable(&name))
    }
}
