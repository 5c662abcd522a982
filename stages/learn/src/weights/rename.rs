//! Tensor names: [`timm`] gives timm's for those of torchvision's `ViT`; a `ResNet`'s are the same in both.

/// timm's name of a tensor; a name that torchvision's `ViT` does not use stays as it is.
pub(super) fn timm(name: &str) -> String {
    renamed(name).unwrap_or_else(|| name.to_owned())
}

fn renamed(name: &str) -> Option<String> {
    let whole = match name {
        "class_token" => "cls_token",
        "encoder.pos_embedding" => "pos_embed",
        _ => "",
    };
    if !whole.is_empty() {
        return Some(whole.to_owned());
    }
    for (theirs, ours) in [("conv_proj.", "patch_embed.proj."), ("encoder.ln.", "norm."), ("heads.head.", "head.")] {
        if let Some(rest) = name.strip_prefix(theirs) {
            return Some(format!("{ours}{rest}"));
        }
    }
    let (block, tensor) = name.strip_prefix("encoder.layers.encoder_layer_")?.split_once('.')?;
    let parts = [
        ("ln_1.", "norm1."),
        ("self_attention.in_proj_", "attn.qkv."),
        ("self_attention.out_proj.", "attn.proj."),
        ("ln_2.", "norm2."),
        ("mlp.0.", "mlp.fc1."),
        ("mlp.3.", "mlp.fc2."),
        // Before torchvision 0.13.
        ("mlp.linear_1.", "mlp.fc1."),
        ("mlp.linear_2.", "mlp.fc2."),
    ];
    let (theirs, ours) = parts.iter().find(|(theirs, _)| tensor.starts_with(theirs))?;
    Some(format!("blocks.{block}.{ours}{}", &tensor[theirs.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Arch, Config};
    use burn::tensor::Device;
    use std::collections::BTreeMap;
    use std::path::Path;

    #[test]
    fn torchvisions_vit_has_the_names_and_shapes_of_timms_when_renamed() {
        // checkpoints.py: every tensor of torchvision's vit_b_16 and its shape.
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torchvision_vit_b_16.json");
        let theirs: BTreeMap<String, Vec<usize>> =
            serde_json::from_str(&std::fs::read_to_string(path).expect("reads")).expect("JSON");
        assert_eq!(theirs.len(), 152);
        let renamed: BTreeMap<String, Vec<usize>> =
            theirs.into_iter().map(|(name, shape)| (timm(&name), shape)).collect();
        let config = Config { labels: 1000, eps: 1e-5, size: 224 };
        let ours = Arch::VitBase.init(config, 1, &Device::flex()).expect("builds");
        assert_eq!(renamed, crate::weights::walk::shapes(&ours));
    }

    #[test]
    fn names_from_before_torchvision_0_13_are_known_and_timms_stay() {
        assert_eq!(timm("encoder.layers.encoder_layer_7.mlp.linear_2.bias"), "blocks.7.mlp.fc2.bias");
        for name in ["blocks.7.mlp.fc2.bias", "layer1.0.conv1.weight", "pos_embed"] {
            assert_eq!(timm(name), name);
        }
    }
}
