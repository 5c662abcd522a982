//! What holds for the whole crate: param tables and structs agree, every source file is some kind's, weights that do
//! not fit are refused, and the published checkpoint fits.

use crate::models::Arch;
use crate::weights::{self, Wanted};
use crate::{KINDS, explain, predict, train};
use burn::tensor::{Device, Tensor};
use plantpipe_stage::ParamType;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[test]
fn each_kinds_params_are_read_from_its_tables_defaults() {
    for kind in KINDS {
        let defaults: serde_json::Map<String, serde_json::Value> = (kind.params.iter())
            .map(|param| {
                let text = format!("v = {}", param.default.expect("every param here has a default"));
                let value = toml::from_str::<toml::Table>(&text).expect("TOML")["v"].clone();
                let value = serde_json::to_value(value).expect("JSON");
                // The engine hands a whole number over as a float where the type is one.
                let float = matches!(param.ty, ParamType::Float { .. }) && value.is_i64();
                let value = if float { value.as_i64().map(|number| number as f64).into() } else { value };
                (param.name.to_owned(), value)
            })
            .collect();
        let result = match kind.name {
            "train" => serde_json::from_value::<train::Params>(defaults.into()).map(drop),
            "predict" => serde_json::from_value::<predict::Params>(defaults.into()).map(drop),
            "explain" => serde_json::from_value::<explain::Params>(defaults.into()).map(drop),
            other => panic!("kind `{other}` is not tested here"),
        };
        result.unwrap_or_else(|error| panic!("{}: {error}", kind.name));
    }
}

#[test]
fn every_source_file_is_code_of_some_kind() {
    let listed: BTreeSet<String> = (KINDS.iter().flat_map(|kind| kind.code))
        .flat_map(|code| code.files.iter().map(|file| format!("{}/{}", code.room, file.name)))
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = format!("learn/{}", path.strip_prefix(&root).expect("below").display());
            if path.is_dir() {
                folders.push(path);
            } else if !["learn/lib.rs", "learn/tests.rs"].contains(&name.as_str()) {
                assert!(listed.contains(&name), "{name} is listed by no kind");
            }
        }
    }
}

/// A file with some of ResNet-18's tensors replaced, added or left out (`None`).
fn altered(folder: &Path, edit: &str, to: Option<&[usize]>) -> PathBuf {
    let network = Arch::ResNet18.init(2, 1e-5, 1, &Device::flex());
    let bytes = weights::save(&network).expect("saves");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("reads back");
    let mut views: BTreeMap<String, TensorView> = file.tensors().into_iter().collect();
    let zeros = vec![0; 4 * to.unwrap_or(&[]).iter().product::<usize>()];
    views.remove(edit);
    if let Some(shape) = to {
        views.insert(edit.to_owned(), TensorView::new(Dtype::F32, shape.to_vec(), &zeros).expect("a view"));
    }
    let path = folder.join("w.safetensors");
    std::fs::write(&path, safetensors::serialize(views, None).expect("serialises")).expect("writes");
    path
}

#[test]
fn weights_with_a_missing_misshapen_or_unused_tensor_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let load = |edit: &str, to: Option<&[usize]>| {
        let path = altered(folder.path(), edit, to);
        let network = Arch::ResNet18.init(3, 1e-5, 2, &Device::flex());
        weights::load(network, &path, Wanted::AllBut(Arch::ResNet18.head())).map(drop).map_err(|error| error.message)
    };
    let says = |edit, to: Option<&[usize]>, words: &[&str]| {
        let message = load(edit, to).expect_err("refused");
        for word in words {
            assert!(message.contains(word), "`{word}` is not in: {message}");
        }
    };
    says("layer1.0.conv1.weight", None, &["w.safetensors", "`layer1.0.conv1.weight`", "is missing"]);
    says("layer1.0.conv1.weight", Some(&[64, 64, 1, 1]), &["[64, 64, 1, 1]", "[64, 64, 3, 3]"]);
    says("layer5.weight", Some(&[1]), &["no place for tensor `layer5.weight` [1]"]);
    // The head's own tensors may have any shape, and counters are not weights.
    assert_eq!(load("fc.weight", Some(&[1000, 512])), Ok(()));
    assert_eq!(load("bn1.num_batches_tracked", Some(&[1])), Ok(()));
}

#[test]
fn saved_weights_load_again_and_give_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.safetensors");
    for arch in [Arch::ResNet18, Arch::EfficientNetLite0] {
        let saved = weights::save(&arch.init(2, 1e-5, 1, &Device::flex())).expect("saves");
        std::fs::write(&path, &saved).expect("writes");
        let other = arch.init(2, 1e-5, 2, &Device::flex());
        assert_ne!(weights::save(&other).expect("saves"), saved);
        let loaded = weights::load(other, &path, Wanted::All).expect("loads");
        assert_eq!(weights::save(&loaded).expect("saves"), saved);
    }
}

#[test]
fn resnet18_has_as_many_parameters_as_published() {
    // torchvision's resnet18 with its 1000 classes: 11 689 512.
    assert_eq!(weights::parameters(&Arch::ResNet18.init(1000, 1e-5, 1, &Device::flex())), 11_689_512);
}

#[test]
fn the_published_efficientnet_lite0_checkpoint_fits_and_answers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("shared/data/weights/efficientnet_lite0.safetensors"))
        .find(|path| path.exists());
    let Some(path) = path else {
        eprintln!("skipped: the checkpoint lies in no `shared` folder above this one");
        return;
    };
    let device = Device::flex();
    let network = Arch::EfficientNetLite0.init(1000, 1e-3, 1, &device);
    let mut network = weights::load(network, &path, Wanted::All).expect("every tensor fits, the head's too");
    assert_eq!(weights::parameters(&network), 4_652_008);
    let logits = crate::infer::rows(network.predict(Tensor::zeros([1, 3, 64, 64], &device)));
    assert!(logits[0].iter().all(|logit| logit.is_finite() && logit.abs() < 30.0), "{:?}", &logits[0][..5]);
}
