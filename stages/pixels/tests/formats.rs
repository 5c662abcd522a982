//! Pictures of every colour and depth, made and decoded by Pillow (`fixtures/make.py`): the same values here.

use plantpipe_pixels::decode;
use std::path::{Path, PathBuf};

/// A file, how far its values may lie apart (decoders round the cosine transform each in their way, and Pillow cuts 16
/// bits to 8 where we round), and Pillow's values at (0, 0), (12, 4), (5, 9) and (15, 11).
const PICTURES: &[(&str, u8, [[u8; 3]; 4])] = &[
    ("grey.jpg", 3, [[0, 0, 0], [192, 192, 192], [80, 80, 80], [240, 240, 240]]),
    ("grey_progressive.jpg", 3, [[0, 0, 0], [192, 192, 192], [80, 80, 80], [240, 240, 240]]),
    ("cmyk.jpg", 3, [[165, 165, 165], [53, 146, 105], [127, 54, 104], [13, 29, 42]]),
    ("cmyk_progressive.jpg", 3, [[165, 165, 165], [53, 146, 105], [127, 54, 104], [13, 29, 42]]),
    ("ycck.jpg", 3, [[0, 87, 0], [163, 173, 91], [43, 52, 128], [225, 132, 225]]),
    ("rgb.jpg", 3, [[0, 0, 0], [192, 80, 129], [80, 181, 111], [240, 222, 207]]),
    ("deep.png", 1, [[0, 0, 0], [192, 78, 16], [80, 175, 14], [240, 214, 26]]),
    ("palette.png", 0, [[48, 10, 28], [208, 60, 128], [72, 200, 116], [208, 200, 184]]),
    ("bilevel.png", 0, [[0, 0, 0], [255, 255, 255], [0, 0, 0], [255, 255, 255]]),
    ("lossy.webp", 3, [[7, 0, 2], [197, 82, 132], [79, 178, 111], [238, 218, 213]]),
];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).expect("reads")
}

#[test]
fn every_kind_of_picture_has_the_colours_that_pillow_sees() {
    for (name, apart, values) in PICTURES {
        let image = decode(&bytes(name), &path(name)).expect("decodes");
        assert_eq!(image.dimensions(), (16, 12), "{name}");
        let found = [(0, 0), (12, 4), (5, 9), (15, 11)].map(|(x, y)| image.get_pixel(x, y).0);
        let mut pairs = found.as_flattened().iter().zip(values.as_flattened());
        assert!(pairs.all(|(a, b)| a.abs_diff(*b) <= *apart), "{name}: {found:?}, not {values:?}");
    }
}

#[test]
fn a_file_of_any_kind_cut_anywhere_is_refused() {
    for (name, ..) in PICTURES {
        let whole = bytes(name);
        // A WebP file may hold a byte of padding at its end, which counts.
        for cut in 0..whole.len() {
            assert!(decode(&whole[..cut], &path(name)).is_err(), "{name} cut to {cut} bytes");
        }
    }
}

#[test]
fn a_jpeg_of_one_or_four_channels_without_its_last_blocks_is_refused() {
    for (name, ..) in PICTURES.iter().filter(|(name, ..)| name.contains(".jpg")) {
        let whole = bytes(name);
        for cut in [3, 8] {
            let repaired = [&whole[..whole.len() - 2 - cut], &[0xFF, 0xD9]].concat();
            assert!(decode(&repaired, &path(name)).is_err(), "{name} without {cut} bytes");
        }
    }
}

#[test]
fn every_byte_of_a_baseline_jpeg_is_the_one_that_libjpeg_turbo_decodes() {
    // Made by `fixtures/baseline.py`.
    let told = String::from_utf8(bytes("baseline/pixels.txt")).expect("utf-8");
    let mut seen = 0;
    for line in told.lines() {
        let [name, width, height, sum] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let name = format!("baseline/{name}");
        let image = decode(&bytes(&name), &path(&name)).expect("decodes");
        assert_eq!(format!("{} {}", image.width(), image.height()), format!("{width} {height}"), "{name}");
        let mut pixels = flate2::Crc::new();
        pixels.update(image.as_raw());
        assert_eq!(pixels.sum().to_string(), sum, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 38);
}
