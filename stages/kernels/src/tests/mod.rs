//! Every operation against the plain composition in double precision.

mod chains;
mod layers;

/// Numbers that look random, the same each time: `SplitMix64`, in -1..1.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let number = |at: u64| {
        let x = (seed << 32).wrapping_add(at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    (0..count as u64).map(number).collect()
}

/// Within a share of the greatest.
fn close(what: &str, ours: &[f32], plain: &[f64], within: f64) {
    assert_eq!(ours.len(), plain.len(), "{what}");
    let greatest = plain.iter().fold(1e-30, |most: f64, value| most.max(value.abs()));
    for (at, (ours, plain)) in ours.iter().zip(plain).enumerate() {
        assert!(
            (f64::from(*ours) - plain).abs() <= within * greatest,
            "{what} {at}: {ours} is not {plain} of {greatest}"
        );
    }
}

#[test]
fn every_source_file_is_listed_as_code() {
    let listed: Vec<&str> = crate::CODE.files.iter().map(|file| file.name).collect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in std::fs::read_dir(folder).expect("src") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        assert!(name == "tests" || listed.contains(&name.as_str()), "{name} is not listed");
    }
}
