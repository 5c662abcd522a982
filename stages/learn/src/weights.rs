//! Weights as files: safetensors by the published tensor names; [`load`] refuses whatever does not fit, [`save`] gives
//! the same bytes for the same weights.

use crate::models::Network;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use plantpipe_stage::{Error, IoContext, Result};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Which tensors of a file are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// All, the head's too: a model trained here.
    All,
    /// All but those whose names begin so: published weights, whose head answers another question.
    AllBut(&'a str),
}

impl Wanted<'_> {
    fn skips(self, name: &str) -> bool {
        matches!(self, Self::AllBut(head) if name.starts_with(head))
    }
}

/// The network with the weights of a file.
///
/// # Errors
/// A tensor that is missing, has another shape or an unknown number type, or that the network has no use for
/// (`num_batches_tracked` aside): the error names the file, the tensor and both shapes.
pub(crate) fn load(network: Network, path: &Path, wanted: Wanted) -> Result<Network> {
    let bytes = std::fs::read(path).io("read", path)?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| Error::at(path, format!("this is no safetensors file ({error})")))?;
    let shapes = shapes(&network);
    let found: BTreeMap<String, TensorView> = file
        .tensors()
        .into_iter()
        .filter(|(name, _)| !name.ends_with("num_batches_tracked") && !wanted.skips(name))
        .collect();
    check(path, &shapes, &found, wanted)?;
    let mut values = BTreeMap::new();
    for (name, view) in &found {
        values.insert(name.clone(), floats(path, name, view)?);
    }
    Ok(network.map(&mut Loader { place: Place::default(), values }))
}

/// The network's weights as a safetensors file, names sorted, no metadata.
pub(crate) fn save(network: &Network) -> Result<Vec<u8>> {
    let tensors = tensors(network);
    let bytes: BTreeMap<&String, (Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, values))| {
            (name, (shape.clone(), values.iter().flat_map(|value| value.to_le_bytes()).collect()))
        })
        .collect();
    let failed = |error| Error::new(format!("cannot write the weights as safetensors: {error}"));
    let mut views = Vec::new();
    for (name, (shape, bytes)) in &bytes {
        views.push((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(failed)?));
    }
    safetensors::serialize(views, None).map_err(failed)
}

/// The only `.safetensors` file of a folder, or the file itself.
///
/// # Errors
/// A folder with none or several.
pub(crate) fn find(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let mut files = Vec::new();
    for entry in path.read_dir().io("read", path)? {
        let file = entry.io("read", path)?.path();
        if file.extension().is_some_and(|extension| extension == "safetensors") {
            files.push(file);
        }
    }
    match files.as_slice() {
        [file] => Ok(file.clone()),
        _ => Err(Error::at(path, format!("{} .safetensors files, where one is wanted", files.len()))
            .hint("name the file itself as the source")),
    }
}

/// The learnable parameters, counted.
pub(crate) fn parameters(network: &Network) -> u64 {
    let learnable = shapes(network).into_iter().filter(|(name, _)| is_learnable(name));
    learnable.map(|(_, shape)| shape.iter().product::<usize>() as u64).sum()
}

/// Running statistics are state, not parameters.
fn is_learnable(name: &str) -> bool {
    !name.ends_with(".running_mean") && !name.ends_with(".running_var")
}

fn check(
    path: &Path,
    shapes: &BTreeMap<String, Vec<usize>>,
    found: &BTreeMap<String, TensorView>,
    wanted: Wanted,
) -> Result<()> {
    for (name, shape) in shapes.iter().filter(|(name, _)| !wanted.skips(name)) {
        match found.get(name) {
            None => {
                return Err(Error::at(path, format!("tensor `{name}` {shape:?} is missing"))
                    .hint("are these the weights of this `arch`, with timm's or torchvision's tensor names?"));
            }
            Some(view) if view.shape() != shape.as_slice() => {
                return Err(Error::at(
                    path,
                    format!("tensor `{name}` has shape {:?}, but the network wants {shape:?}", view.shape()),
                )
                .hint("are these the weights of this `arch`?"));
            }
            Some(_) => {}
        }
    }
    match found.iter().find(|(name, _)| !shapes.contains_key(*name)) {
        Some((name, view)) => {
            Err(Error::at(path, format!("the network has no place for tensor `{name}` {:?}", view.shape()))
                .hint("are these the weights of this `arch`, with timm's or torchvision's tensor names?"))
        }
        None => Ok(()),
    }
}

/// A stored tensor's values as f32.
fn floats(path: &Path, name: &str, view: &TensorView) -> Result<Vec<f32>> {
    let pairs = || view.data().chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    match view.dtype() {
        Dtype::F32 => {
            Ok(view.data().chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect())
        }
        Dtype::F16 => Ok(pairs().map(|bits| burn::tensor::f16::from_bits(bits).to_f32()).collect()),
        Dtype::BF16 => Ok(pairs().map(|bits| burn::tensor::bf16::from_bits(bits).to_f32()).collect()),
        other => Err(Error::at(path, format!("tensor `{name}` holds {other:?}; F32, F16 and BF16 are read"))),
    }
}

/// Every tensor of a network, the running statistics too: name -> shape and values.
fn tensors(network: &Network) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let mut collector = Collector::default();
    network.visit(&mut collector);
    collector.tensors
}

fn shapes(network: &Network) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = Shapes::default();
    network.visit(&mut shapes);
    shapes.shapes
}

/// Where a walk through a network is: field names and indices, which make the published tensor names.
#[derive(Default)]
struct Place(Vec<String>);

impl Place {
    /// The variant of the [`Network`] enum is no part of a name.
    fn enter(&mut self, name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.push(name.to_owned());
        }
    }

    fn exit(&mut self, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.pop();
        }
    }

    fn name(&self) -> String {
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
