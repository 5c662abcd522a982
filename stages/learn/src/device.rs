//! Where tensors live: [`open`] turns `cpu`, `cuda:N`, `wgpu:N` and `wgpu:cpu` into a Burn device, [`auto`] picks one.

use burn::tensor::Device;
use plantpipe_stage::{Error, Result};

/// The device of a name, without autodiff.
///
/// # Errors
/// An unknown name, or a device this binary was built without.
pub(crate) fn open(name: &str) -> Result<Device> {
    let (class, index) = match name.split_once(':') {
        Some((class, index)) => (class, index),
        None => (name, "0"),
    };
    if name == "wgpu:cpu" {
        return wgpu(Adapter::Cpu);
    }
    let index: usize = index.parse().map_err(|_| unknown(name))?;
    match class {
        "cpu" if index == 0 => Ok(Device::flex()),
        "cuda" => cuda(index),
        "wgpu" => wgpu(Adapter::Gpu(index)),
        _ => Err(unknown(name)),
    }
}

/// What `--device auto` means: the first CUDA device where this binary has CUDA and the machine a driver, else the CPU.
#[must_use]
pub fn auto() -> &'static str {
    if cfg!(feature = "cuda") && std::path::Path::new("/proc/driver/nvidia/version").exists() {
        "cuda:0"
    } else {
        "cpu"
    }
}

fn unknown(name: &str) -> Error {
    Error::new(format!("no device is called `{name}`")).hint("there are `cpu`, `cuda:0`, `wgpu:0` and so on")
}

#[cfg(feature = "cuda")]
#[allow(clippy::unnecessary_wraps)]
fn cuda(index: usize) -> Result<Device> {
    Ok(Device::cuda(index))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_index: usize) -> Result<Device> {
    Err(absent("cuda"))
}

/// Which of the adapters of `wgpu`.
#[cfg_attr(not(feature = "wgpu"), expect(dead_code, reason = "read where `wgpu` is built in"))]
enum Adapter {
    /// A software one.
    Cpu,
    Gpu(usize),
}

#[cfg(feature = "wgpu")]
#[allow(clippy::unnecessary_wraps)]
fn wgpu(adapter: Adapter) -> Result<Device> {
    use burn::tensor::DeviceKind;
    Ok(Device::wgpu(match adapter {
        Adapter::Cpu => DeviceKind::Cpu,
        Adapter::Gpu(0) => DeviceKind::DefaultDevice,
        Adapter::Gpu(index) => DeviceKind::DiscreteGpu(index),
    }))
}

#[cfg(not(feature = "wgpu"))]
fn wgpu(_adapter: Adapter) -> Result<Device> {
    Err(absent("wgpu"))
}

#[cfg(not(all(feature = "cuda", feature = "wgpu")))]
fn absent(feature: &str) -> Error {
    Error::new(format!("this plantpipe was built without `{feature}`"))
        .hint(format!("build it with `cargo install --features {feature}`, or use `--device cpu`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_opens_and_a_stranger_is_refused() {
        assert_eq!(open("cpu").expect("opens"), Device::flex());
        for name in ["tpu:0", "cuda:x", "cpu:1"] {
            assert_eq!(open(name).expect_err("refused").message, format!("no device is called `{name}`"));
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_not_built_in_names_the_feature() {
        let error = open("cuda:0").expect_err("absent");
        assert_eq!(error.message, "this plantpipe was built without `cuda`");
        assert!(error.hint.expect("hint").contains("--features cuda"));
    }
}
