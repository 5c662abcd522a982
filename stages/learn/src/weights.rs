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
pub(crate) fn is_learnable(name: &str) -> bool {
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

/// The names of its tensors, the running statistics too, in the order in which the network visits them.
pub(crate) fn names(network: &Network) -> Vec<String> {
    let mut names = Names::default();
    network.visit(&mut names);
    names.names
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Arch, Config};
    use burn::tensor::Device;

    type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

    fn network(arch: Arch, seed: u64) -> Network {
        arch.init(Config { labels: 6, eps: 1e-5, size: 32 }, seed, &Device::flex()).expect("builds")
    }

    /// Writes the weights of a fresh network, changed by `edit`.
    fn file(folder: &Path, edit: impl FnOnce(&mut Tensors)) -> PathBuf {
        let mut all = tensors(&network(Arch::EfficientNetLite0, 2));
        edit(&mut all);
        let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = all
            .into_iter()
            .map(|(name, (shape, values))| (name, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
            .collect();
        let views = bytes.iter().map(|(name, shape, bytes)| {
            (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).expect("a tensor"))
        });
        let path = folder.join("weights.safetensors");
        std::fs::write(&path, safetensors::serialize(views, None).expect("serializes")).expect("writes");
        path
    }

    fn refusal(wanted: Wanted, edit: impl FnOnce(&mut Tensors)) -> String {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = file(folder.path(), edit);
        let error = load(network(Arch::EfficientNetLite0, 1), &path, wanted).expect_err("refused");
        assert!(error.hint.is_some(), "{error}");
        error.message.strip_prefix(&format!("{}: ", path.display())).expect("the path first").to_owned()
    }

    #[test]
    fn weights_survive_a_round_trip_and_give_the_same_bytes_again() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("model.safetensors");
        for arch in [Arch::ResNet18, Arch::EfficientNetLite0] {
            let bytes = save(&network(arch, 1)).expect("saves");
            std::fs::write(&path, &bytes).expect("writes");
            let other = network(arch, 2);
            assert_ne!(save(&other).expect("saves"), bytes);
            assert_eq!(save(&load(other, &path, Wanted::All).expect("loads")).expect("saves"), bytes);
        }
    }

    #[test]
    fn tensors_carry_the_names_and_shapes_of_timm() {
        // timm: 122 tensors of resnet18 less 20 num_batches_tracked; 247 stored ones of efficientnet_lite0.
        let resnet = shapes(&network(Arch::ResNet18, 1));
        assert_eq!(resnet.len(), 102);
        assert_eq!(resnet["layer2.0.downsample.0.weight"], [128, 64, 1, 1]);
        assert_eq!(resnet["layer4.1.bn2.running_var"], [512]);
        assert_eq!(resnet["fc.weight"], [6, 512]);
        let lite = shapes(&network(Arch::EfficientNetLite0, 1));
        assert_eq!(lite.len(), 247);
        assert_eq!(lite["blocks.0.0.conv_dw.weight"], [32, 1, 3, 3]);
        assert_eq!(lite["blocks.5.3.conv_pwl.weight"], [192, 1152, 1, 1]);
        assert_eq!(lite["classifier.bias"], [6]);
    }

    #[test]
    fn a_missing_tensor_is_named_with_its_shape() {
        let message = refusal(Wanted::All, |all| _ = all.remove("blocks.1.0.bn2.weight"));
        assert_eq!(message, "tensor `blocks.1.0.bn2.weight` [96] is missing");
    }

    #[test]
    fn a_misshapen_tensor_is_named_with_both_shapes() {
        let message = refusal(Wanted::All, |all| _ = all.insert("bn1.bias".into(), (vec![2, 16], vec![0.0; 32])));
        assert_eq!(message, "tensor `bn1.bias` has shape [2, 16], but the network wants [32]");
    }

    #[test]
    fn a_tensor_without_a_place_is_refused() {
        let message =
            refusal(Wanted::AllBut("classifier."), |all| _ = all.insert("bn9.bias".into(), (vec![1], vec![0.0])));
        assert_eq!(message, "the network has no place for tensor `bn9.bias` [1]");
    }

    #[test]
    fn published_weights_keep_the_networks_own_head_and_their_batch_counters_are_passed_over() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = file(folder.path(), |all| {
            all.insert("classifier.weight".into(), (vec![1000, 1], vec![0.0; 1000]));
            all.insert("bn1.num_batches_tracked".into(), (vec![], vec![9.0]));
        });
        let own = tensors(&network(Arch::EfficientNetLite0, 1));
        let loaded = load(network(Arch::EfficientNetLite0, 1), &path, Wanted::AllBut("classifier.")).expect("loads");
        let loaded = tensors(&loaded);
        let given = tensors(&network(Arch::EfficientNetLite0, 2));
        for (name, tensor) in &loaded {
            let source = if name.starts_with("classifier.") { &own } else { &given };
            assert_eq!(tensor, &source[name], "{name}");
        }
    }

    #[test]
    fn a_folder_must_hold_exactly_one_weights_file() {
        let folder = tempfile::tempdir().expect("temp folder");
        assert!(find(folder.path()).expect_err("none").message.ends_with("0 .safetensors files, where one is wanted"));
        let path = file(folder.path(), |_| ());
        assert_eq!(find(folder.path()).expect("one"), path);
        std::fs::write(folder.path().join("b.safetensors"), []).expect("writes");
        assert!(find(folder.path()).expect_err("two").message.ends_with("2 .safetensors files, where one is wanted"));
    }

    #[test]
    fn a_file_of_another_kind_is_no_weights() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("model.safetensors");
        std::fs::write(&path, b"not weights").expect("writes");
        let error = load(network(Arch::ResNet18, 1), &path, Wanted::All).expect_err("refused");
        assert!(error.message.contains("this is no safetensors file"), "{error}");
    }
}
