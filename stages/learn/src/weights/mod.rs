//! Weights as files, by the published tensor names: [`Checkpoint`] reads them and refuses whatever does not fit, [`save`]
//! gives the same bytes for the same weights.

mod file;
mod pos_embed;
mod rename;
pub(crate) mod walk;

pub(crate) use walk::{is_learnable, names};

use crate::models::{Arch, Network};
use file::Stored;
use plantpipe_stage::{Error, IoContext, Result};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use walk::{shapes, tensors};

/// Which tensors of a file are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// All, the head's too: a model trained here, or a checkpoint as it is.
    All,
    /// All but those whose names begin so: published weights, whose head answers another question.
    AllBut(&'a str),
}

impl Wanted<'_> {
    fn skips(self, name: &str) -> bool {
        matches!(self, Self::AllBut(head) if name.starts_with(head))
    }
}

/// The tensors of a file, by timm's names.
pub(crate) struct Checkpoint {
    path: PathBuf,
    tensors: BTreeMap<String, Stored>,
}

impl Checkpoint {
    /// Reads a `.safetensors` file, or what `torch.save` wrote (`.pth`, `.pt`, `.bin`; its pickle is parsed, never run).
    /// torchvision's names of a `ViT` become timm's; `num_batches_tracked` is passed over.
    ///
    /// # Errors
    /// A file that is neither, or a number type that is no float.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let tensors = file::read(path)?;
        Ok(Self {
            path: path.to_owned(),
            tensors: tensors.into_iter().map(|(name, t)| (rename::timm(&name), t)).collect(),
        })
    }

    /// How many classes its head tells apart; none: it has no head (`DINOv2`).
    pub(crate) fn classes(&self, arch: Arch) -> Option<usize> {
        self.tensors.get(&format!("{}weight", arch.head())).and_then(|weight| weight.shape.first().copied())
    }

    /// The network with these weights. Position embeddings of another grid are resized as timm does it.
    ///
    /// # Errors
    /// A tensor that is missing, has another shape, or that the network has no use for: the error names the file, the
    /// tensor and both shapes.
    pub(crate) fn fill(self, network: Network, wanted: Wanted) -> Result<Network> {
        let Self { path, mut tensors } = self;
        let shapes = shapes(&network);
        tensors.retain(|name, _| !wanted.skips(name));
        if let (Some(wanted), Some(found)) = (shapes.get("pos_embed"), tensors.get_mut("pos_embed")) {
            pos_embed::fit(found, wanted);
        }
        check(&path, &shapes, &tensors, wanted)?;
        Ok(walk::put(network, tensors.into_iter().map(|(name, stored)| (name, stored.values)).collect()))
    }
}

/// The network with the weights of a file.
///
/// # Errors
/// Those of [`Checkpoint::read`] and [`Checkpoint::fill`].
pub(crate) fn load(network: Network, path: &Path, wanted: Wanted) -> Result<Network> {
    Checkpoint::read(path)?.fill(network, wanted)
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

/// The only weights file of a folder, or the file itself: `.safetensors`, or where there is none `.pth`, `.pt` or `.bin`.
///
/// # Errors
/// A folder with none or several.
pub(crate) fn find(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let (mut plain, mut pickled) = (Vec::new(), Vec::new());
    for entry in path.read_dir().io("read", path)? {
        let file = entry.io("read", path)?.path();
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("safetensors") => plain.push(file),
            Some("pth" | "pt" | "bin") => pickled.push(file),
            _ => {}
        }
    }
    let (files, kind) =
        if plain.is_empty() && !pickled.is_empty() { (pickled, ".pth, .pt or .bin") } else { (plain, ".safetensors") };
    match files.as_slice() {
        [file] => Ok(file.clone()),
        _ => Err(Error::at(path, format!("{} {kind} files, where one is wanted", files.len()))
            .hint("name the file itself as the source")),
    }
}

/// The learnable parameters, counted.
pub(crate) fn parameters(network: &Network) -> u64 {
    let learnable = shapes(network).into_iter().filter(|(name, _)| is_learnable(name));
    learnable.map(|(_, shape)| shape.iter().product::<usize>() as u64).sum()
}

fn check(
    path: &Path,
    shapes: &BTreeMap<String, Vec<usize>>,
    found: &BTreeMap<String, Stored>,
    wanted: Wanted,
) -> Result<()> {
    const WHOSE: &str = "are these the weights of this `arch`, with timm's or torchvision's tensor names?";
    for (name, shape) in shapes.iter().filter(|(name, _)| !wanted.skips(name)) {
        match found.get(name) {
            None => return Err(Error::at(path, format!("tensor `{name}` {shape:?} is missing")).hint(WHOSE)),
            Some(stored) if stored.shape != *shape => {
                let message = format!("tensor `{name}` has shape {:?}, but the network wants {shape:?}", stored.shape);
                return Err(Error::at(path, message).hint(match head(name, shape, &stored.shape) {
                    Some(classes) => classes,
                    None => WHOSE.to_owned(),
                }));
            }
            Some(_) => {}
        }
    }
    match found.iter().find(|(name, _)| !shapes.contains_key(*name)) {
        Some((name, stored)) => {
            let message = format!("the network has no place for tensor `{name}` {:?}", stored.shape);
            Err(Error::at(path, message).hint(WHOSE))
        }
        None => Ok(()),
    }
}

/// What to say of a head's tensor that differs in its classes alone.
fn head(name: &str, wanted: &[usize], found: &[usize]) -> Option<String> {
    let is_head = ["fc.", "classifier.", "head."].iter().any(|head| name.starts_with(head));
    (is_head && wanted.len() == found.len() && wanted[1..] == found[1..])
        .then(|| format!("the head of these weights tells {} classes apart, not {}", found[0], wanted[0]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Arch, Config};
    use burn::tensor::Device;

    type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

    fn network(arch: Arch, seed: u64) -> Network {
        arch.init(Config { labels: 6, eps: 1e-5, size: 28 }, seed, &Device::flex()).expect("builds")
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
        for arch in [Arch::ResNet18, Arch::EfficientNetLite0, Arch::DinoV2Small] {
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
    fn a_head_of_other_classes_is_counted_and_refused_where_it_is_wanted() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = file(folder.path(), |_| ());
        let checkpoint = Checkpoint::read(&path).expect("reads");
        assert_eq!(checkpoint.classes(Arch::EfficientNetLite0), Some(6));
        let config = Config { labels: 3, eps: 1e-3, size: 32 };
        let network = Arch::EfficientNetLite0.init(config, 1, &Device::flex()).expect("builds");
        let error = checkpoint.fill(network, Wanted::All).expect_err("refused");
        assert!(
            error.message.ends_with("tensor `classifier.bias` has shape [6], but the network wants [3]"),
            "{error}"
        );
        assert_eq!(error.hint.as_deref(), Some("the head of these weights tells 6 classes apart, not 3"));
        let path = file(folder.path(), |all| all.retain(|name, _| !name.starts_with("classifier.")));
        assert_eq!(Checkpoint::read(&path).expect("reads").classes(Arch::EfficientNetLite0), None);
    }

    #[test]
    fn position_embeddings_of_another_grid_are_resized_and_the_class_tokens_stays() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("model.safetensors");
        let build =
            |size| Arch::VitTiny.init(Config { labels: 2, eps: 1e-5, size }, 1, &Device::flex()).expect("builds");
        let given = build(64);
        std::fs::write(&path, save(&given).expect("saves")).expect("writes");
        let loaded = tensors(&load(build(32), &path, Wanted::All).expect("loads"));
        let given = tensors(&given);
        assert_eq!(loaded["pos_embed"].0, [1, 5, 192]);
        assert_eq!(loaded["pos_embed"].1[..192], given["pos_embed"].1[..192]);
        assert_eq!(loaded["blocks.3.attn.qkv.weight"], given["blocks.3.attn.qkv.weight"]);
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
