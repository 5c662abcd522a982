//! Large photographs made 256 x 256, side by side with `OpenCV`, Pillow and libvips, two threads or processes each; prints a
//! table of ratios, and how far each result is from that of a full decode and Lanczos.
//!
//! ```sh
//! PHOTOGRAPHS=folder PEERS_PYTHON=venv/bin/python cargo bench -p plantpipe-pixels --bench resize -- [--repeat 20] [--rounds 5]
//! ```
//!
//! The Python needs opencv-python-headless, Pillow, pyvips and `NumPy`; without it the peers are left out, in words.

mod peers;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use peers::Peers;
use plantpipe_pixels::{RgbImage, decode, prepare};
use plantpipe_stage::format::{Fit, ImagesCard, JsonFormat};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

const SIZE: u32 = 256;
const THREADS: usize = 2;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("error: {what}");
            ExitCode::FAILURE
        }
    }
}

/// One that was measured.
struct Row {
    name: String,
    /// Of each round.
    seconds: Vec<f64>,
    /// Mean over the photographs; none where its pixels are another size.
    decibels: Option<f64>,
}

fn measure() -> Result<(), String> {
    let (repeat, rounds) = asked()?;
    let Some(folder) = std::env::var_os("PHOTOGRAPHS").map(PathBuf::from) else {
        println!("no photographs: name a folder of large JPEGs by PHOTOGRAPHS");
        return Ok(());
    };
    let photographs = photographs(&folder)?;
    rayon::ThreadPoolBuilder::new().num_threads(THREADS).build_global().map_err(|error| error.to_string())?;
    let references: Vec<RgbImage> = photographs.iter().map(|path| reference(path)).collect::<Result<_, _>>()?;
    let mut peers = Peers::start(&folder, repeat)?;
    let own = own_pixels(&photographs)?;
    let mut rows = vec![
        Row { name: "plantpipe".to_owned(), seconds: Vec::new(), decibels: Some(decibels(&own, &references)) },
        Row { name: "plantpipe, to 64 x 64".to_owned(), seconds: Vec::new(), decibels: None },
    ];
    for name in peers.iter().flat_map(Peers::names) {
        let pixels = peers.as_ref().map(|peers| peers.pixels(name, &photographs)).transpose()?.unwrap_or_default();
        rows.push(Row { name: name.clone(), seconds: Vec::new(), decibels: Some(decibels(&pixels, &references)) });
    }
    for _ in 0..rounds {
        for (place, row) in rows.iter_mut().enumerate() {
            row.seconds.push(match (place, &mut peers) {
                (0, _) => resized(&photographs, repeat, SIZE)?,
                (1, _) => resized(&photographs, repeat, SIZE / 4)?,
                (_, Some(peers)) => peers.run(&row.name)?,
                (_, None) => unreachable!("no peers, no rows of theirs"),
            });
        }
    }
    print(&mut rows, photographs.len() * repeat, rounds);
    if peers.is_none() {
        println!("\nNo peers: name a Python with OpenCV, Pillow, pyvips and NumPy by PEERS_PYTHON.");
    }
    Ok(())
}

fn asked() -> Result<(usize, usize), String> {
    let (mut repeat, mut rounds) = (20, 5);
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(flag) = args.next() {
        let number = args.next().and_then(|text| text.parse().ok()).ok_or(format!("{flag} wants a number"))?;
        match flag.as_str() {
            "--repeat" => repeat = number,
            "--rounds" => rounds = number.max(1),
            _ => return Err(format!("unknown flag {flag}: there are --repeat and --rounds")),
        }
    }
    Ok((repeat, rounds))
}

fn photographs(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    found.sort();
    if found.is_empty() { Err(format!("{}: no .jpg in it", folder.display())) } else { Ok(found) }
}

/// What is asked of the kind `resize`: from files to JPEGs in memory, as the peers do it.
fn resized(photographs: &[PathBuf], repeat: usize, size: u32) -> Result<f64, String> {
    let card = ImagesCard { schema: ImagesCard::SCHEMA, size, fit: Fit::Squash, quality: 90 };
    let all: Vec<&PathBuf> = photographs.iter().cycle().take(photographs.len() * repeat).collect();
    let started = Instant::now();
    all.par_iter().try_for_each(|path| {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        prepare(bytes, &card, path).map(|_| ()).map_err(|error| error.to_string())
    })?;
    Ok(started.elapsed().as_secs_f64())
}

fn pixels(path: &Path) -> Result<RgbImage, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    decode(&bytes, path).map_err(|error| error.to_string())
}

/// In full, and by Lanczos.
fn reference(path: &Path) -> Result<RgbImage, String> {
    let image = pixels(path)?;
    let source = ImageRef::new(image.width(), image.height(), image.as_raw(), PixelType::U8x3).expect("an RgbImage");
    let mut target = Image::new(SIZE, SIZE, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3)).use_alpha(false);
    Resizer::new().resize(&source, &mut target, &options).map_err(|error| error.to_string())?;
    Ok(RgbImage::from_raw(SIZE, SIZE, target.into_vec()).expect("of that size"))
}

/// Our own, through a JPEG of quality 100, which costs a little that the peers' pixels are spared.
fn own_pixels(photographs: &[PathBuf]) -> Result<Vec<RgbImage>, String> {
    let card = ImagesCard { schema: ImagesCard::SCHEMA, size: SIZE, fit: Fit::Squash, quality: 100 };
    let one = |path: &PathBuf| {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        let made = prepare(bytes, &card, path).map_err(|error| error.to_string())?;
        decode(&made, path).map_err(|error| error.to_string())
    };
    photographs.iter().map(one).collect()
}

/// The peak signal-to-noise ratio, mean over the photographs.
fn decibels(made: &[RgbImage], references: &[RgbImage]) -> f64 {
    let one = |(made, reference): (&RgbImage, &RgbImage)| {
        let pairs = made.as_raw().iter().zip(reference.as_raw());
        let squares: f64 = pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
        10.0 * (255.0_f64.powi(2) * made.as_raw().len() as f64 / squares).log10()
    };
    made.iter().zip(references).map(one).sum::<f64>() / references.len() as f64
}

fn print(rows: &mut [Row], count: usize, rounds: usize) {
    println!(
        "{count} photographs to {SIZE} x {SIZE}, {THREADS} threads or processes, median of {rounds} (lowest to highest)\n"
    );
    println!("| | photographs a second | plantpipe is faster by | against a full decode and Lanczos |");
    println!("| --- | ---: | ---: | ---: |");
    let rate = |seconds: f64| count as f64 / seconds;
    for row in rows.iter_mut() {
        row.seconds.sort_by(f64::total_cmp);
    }
    let own = rate(rows[0].seconds[rounds / 2]);
    for Row { name, seconds, decibels } in rows {
        let [low, median, high] = [rounds - 1, rounds / 2, 0].map(|place| rate(seconds[place]));
        let decibels = decibels.map_or(String::new(), |decibels| format!("{decibels:.1} dB"));
        println!("| {name} | {median:.1} ({low:.1} to {high:.1}) | {:.2} | {decibels} |", own / median);
    }
}
