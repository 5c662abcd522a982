//! The decoder at every scale beside the plain check: as strict, and of the same picture.

use super::{Reduced, Scale, reduced};
use crate::{RgbImage, decode, scan, segments};
use image::Rgb;
use image::metadata::Orientation;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::path::Path;

const SCALES: [Scale; 4] = [Scale::Eighth, Scale::Quarter, Scale::Half, Scale::Full];
const SAMPLINGS: [SamplingFactor; 4] =
    [SamplingFactor::R_4_4_4, SamplingFactor::R_4_2_2, SamplingFactor::R_4_4_0, SamplingFactor::R_4_2_0];

/// A picture with detail everywhere, so that every part of its file counts.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 4) as u8, (y * 5) as u8, ((x * x + y * 7) % 256) as u8]))
}

/// A picture without detail finer than a hundred pixels, which survives being made smaller.
fn soft(width: u32, height: u32) -> RgbImage {
    let wave = |at: f64, length: f64| 127.0 + 90.0 * (at / length).sin();
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (f64::from(x), f64::from(y));
        Rgb([wave(x + y, 29.0), wave(x - y, 37.0), wave(y, 31.0)].map(|level| level as u8))
    })
}

fn coded(image: &RgbImage, change: impl Fn(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    change(&mut encoder);
    encoder.encode(image.as_raw(), image.width() as u16, image.height() as u16, ColorType::Rgb).expect("encodes");
    bytes
}

/// Small files of every kind that is decoded here.
fn files() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for sampling in SAMPLINGS {
        for restart in [0, 2] {
            files.push(coded(&picture(37, 27), |encoder| {
                encoder.set_sampling_factor(sampling);
                encoder.set_restart_interval(restart);
            }));
        }
    }
    files.push(coded(&picture(37, 27), |encoder| encoder.set_optimized_huffman_tables(true)));
    let mut grey = Vec::new();
    Encoder::new(&mut grey, 90).encode(&picture(37, 27).as_raw()[..37 * 27], 37, 27, ColorType::Luma).expect("encodes");
    files.push(grey);
    files
}

fn taken(bytes: &[u8], scale: Scale) -> Result<Reduced, String> {
    reduced(bytes, |_, _| Some(scale)).map(|reduced| reduced.expect("a JPEG that is decoded here"))
}

/// What the plain decoder asks of a JPEG before it makes pixels.
fn checked(bytes: &[u8]) -> Result<(), String> {
    segments::image(bytes).and_then(scan::check)
}

/// Places in a file, each with a scale of its own.
fn places(file: &[u8], step: usize) -> impl Iterator<Item = (usize, Scale)> {
    (2..file.len()).step_by(step).enumerate().map(|(turn, place)| (place, SCALES[turn % SCALES.len()]))
}

#[test]
fn a_file_cut_anywhere_is_refused_at_every_scale() {
    for file in files() {
        assert!(SCALES.iter().all(|scale| taken(&file, *scale).is_ok()));
        for (cut, scale) in places(&file, 7).chain([(file.len() - 1, Scale::Half), (file.len() - 2, Scale::Half)]) {
            assert!(reduced(&file[..cut], |_, _| Some(scale)).is_err(), "{cut} of {} at {scale:?}", file.len());
        }
    }
}

#[test]
fn coded_data_cut_out_before_the_end_marker_are_missed_and_those_repeated_are_too_many() {
    for file in files() {
        let end = file.len() - 2;
        for scale in SCALES {
            for cut in [3, 40, 120] {
                let repaired = [&file[..end - cut], &[0xFF, 0xD9]].concat();
                assert!(taken(&repaired, scale).is_err());
            }
            let longer = [&file[..end - 90], &file[end - 150..]].concat();
            assert!(taken(&longer, scale).is_err());
        }
    }
}

#[test]
fn a_changed_byte_is_refused_wherever_the_plain_check_refuses_it() {
    let (mut refused, mut taken) = (0, 0);
    for file in files() {
        for (place, scale) in places(&file, 5) {
            let mut bytes = file.clone();
            bytes[place] ^= [0x5A, 0xFF, 0x01][place % 3];
            match reduced(&bytes, |_, _| Some(scale)) {
                Ok(Some(_)) => {
                    taken += 1;
                    assert_eq!(checked(&bytes), Ok(()), "byte {place} of {} at {scale:?}", file.len());
                }
                Ok(None) => {}
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 500 && taken > 500, "{refused} refused, {taken} taken");
}

#[test]
fn a_size_that_the_coded_data_cannot_fill_is_refused_before_room_is_made_for_it() {
    for file in files() {
        let frame = file.windows(2).position(|pair| pair == [0xFF, 0xC0]).expect("a frame header");
        let huge = [&file[..frame + 5], &[0xFF; 4], &file[frame + 9..]].concat();
        for scale in SCALES {
            assert_eq!(taken(&huge, scale).map(|made| made.width), Err("the coded data end early".to_owned()));
        }
    }
}

#[test]
fn what_the_plain_decoder_takes_is_taken() {
    // Fill bytes before markers, zeros behind the last block, bytes behind the end of the image.
    for file in files() {
        let scan = file.windows(2).position(|pair| pair == [0xFF, 0xDA]).expect("a scan");
        let end = file.len() - 2;
        let filled = [&file[..scan], &[0xFF, 0xFF], &file[scan..end], &[0, 0, 0xFF], &file[end..], b"more"].concat();
        assert_eq!(checked(&filled), Ok(()));
        assert!(
            taken(&filled, Scale::Quarter).expect("decodes").channels[0].pixels
                == taken(&file, Scale::Quarter).expect("decodes").channels[0].pixels
        );
    }
}

#[test]
fn what_is_left_to_another_decoder_is_told_and_so_is_a_scale_of_none() {
    let progressive = coded(&picture(64, 48), |encoder| encoder.set_progressive(true));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let others = ["cmyk.jpg", "ycck.jpg", "rgb.jpg"].map(|name| std::fs::read(folder.join(name)).expect("reads"));
    for bytes in others.iter().chain([&progressive]) {
        assert!(reduced(bytes, |_, _| Some(Scale::Half)).expect("no error").is_none());
    }
    assert!(reduced(&files()[0], |_, _| None).expect("no error").is_none());
}

#[test]
fn each_pixel_is_the_mean_of_those_it_stands_for() {
    for sampling in SAMPLINGS {
        let image = soft(203, 150);
        let bytes = coded(&image, |encoder| encoder.set_sampling_factor(sampling));
        let plain = decode(&bytes, Path::new("soft.jpg")).expect("decodes");
        for scale in SCALES {
            let made = taken(&bytes, scale).expect("decodes");
            assert_eq!((made.width, made.height, made.orientation), (203, 150, Orientation::NoTransforms));
            let luma = &made.channels[0];
            let side = 8 / scale as usize;
            assert_eq!((luma.width, luma.height), (203_usize.div_ceil(side), 150_usize.div_ceil(side)));
            for (place, level) in luma.pixels.iter().enumerate() {
                let (x, y) = (place % luma.width * side, place / luma.width * side);
                if x + side > 203 || y + side > 150 {
                    continue;
                }
                let pixels =
                    (0..side * side).map(|at| plain.get_pixel((x + at % side) as u32, (y + at / side) as u32).0);
                let sum: f64 =
                    pixels.map(|[r, g, b]| 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b)).sum();
                let mean = sum / (side * side) as f64;
                assert!((mean - f64::from(*level)).abs() < 3.0, "{mean}, not {level} at {x}, {y} at {scale:?}");
            }
        }
    }
}
