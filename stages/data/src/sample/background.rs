//! What lies behind the leaf, out of focus: [`background`] of foliage, sky, soil or a grey surface.

use super::canvas::{Canvas, Color, Dice, Noise, SPACE, mix, scale, srgb, step};
use super::leaf::Leaf;
use super::light::Light;
use plantpipe_stage::random::ChaCha8Rng;

/// A background, a third as fine as the photograph.
pub fn background(side: usize, light: &Light, rng: &mut ChaCha8Rng) -> Canvas {
    let side = (side / 3).max(24);
    let scene = rng.between(0.0, 1.0);
    let mut canvas = match scene {
        ..0.5 => foliage(side, rng),
        ..0.68 => sky(side, rng),
        ..0.84 => soil(side, rng),
        _ => return surface(side, rng),
    };
    if scene < 0.68 && rng.chance(0.6) {
        branch(&mut canvas, rng);
    }
    let neighbours = if scene < 0.68 { rng.count(4, 9) } else { rng.count(0, 3) };
    for _ in 0..neighbours {
        neighbour(&mut canvas, light, rng);
    }
    canvas
}

/// Greens of other leaves, from deep shade to bright sun.
fn greens(rng: &mut ChaCha8Rng) -> Color {
    let green = rng.color(srgb(46, 84, 40), srgb(118, 150, 70));
    let other = rng.color(srgb(60, 100, 80), srgb(150, 160, 80));
    let amount = rng.between(0.0, 0.7);
    mix(green, other, amount)
}

fn foliage(side: usize, rng: &mut ChaCha8Rng) -> Canvas {
    let large = Noise::new(rng);
    let (dark, bright) = (scale(greens(rng), 0.35), greens(rng));
    let mut canvas = Canvas::draw(side, |x, y| mix(dark, bright, step(0.2, 0.8, large.fractal(x / 46.0, y / 46.0, 4))));
    for _ in 0..rng.count(0, 5) * 9 {
        disc(&mut canvas, rng);
    }
    canvas
}

/// A gap between far leaves, or a glint on one, as a lens out of focus shows it.
fn disc(canvas: &mut Canvas, rng: &mut ChaCha8Rng) {
    let (cx, cy) = (rng.between(0.0, SPACE), rng.between(0.0, SPACE));
    let (radius, strength) = (rng.between(3.0, 13.0), rng.between(0.1, 0.8));
    let glow = rng.color(srgb(150, 185, 105), srgb(238, 242, 235));
    let squeeze = rng.between(0.7, 1.0);
    over(canvas, |x, y| {
        if (y - cy).abs() > radius * 1.3 {
            return (glow, 0.0);
        }
        let out = ((x - cx) * squeeze).hypot(y - cy) / radius;
        (glow, strength * (1.0 - step(0.7, 1.25, out)) * (0.8 + 0.2 * out.min(1.0)))
    });
}

fn sky(side: usize, rng: &mut ChaCha8Rng) -> Canvas {
    let clouds = Noise::new(rng);
    let blue = rng.color(srgb(140, 180, 225), srgb(205, 215, 225));
    let white = srgb(240, 242, 244);
    let leaves = greens(rng);
    let horizon = rng.between(120.0, 260.0);
    Canvas::draw(side, |x, y| {
        let noise = clouds.fractal(x / 60.0, y / 60.0, 3);
        let air = mix(blue, white, step(0.35, 0.75, noise));
        mix(air, scale(leaves, 0.4 + noise), step(horizon - 45.0, horizon + 45.0, y + (noise - 0.5) * 120.0))
    })
}

fn soil(side: usize, rng: &mut ChaCha8Rng) -> Canvas {
    let (clods, litter) = (Noise::new(rng), Noise::new(rng));
    let dark = rng.color(srgb(84, 64, 48), srgb(100, 90, 78));
    let bright = rng.color(srgb(150, 118, 86), srgb(168, 154, 130));
    let grass = greens(rng);
    let grown = rng.between(0.5, 0.9);
    Canvas::draw(side, |x, y| {
        let earth = mix(dark, bright, step(0.15, 0.9, clods.fractal(x / 22.0, y / 22.0, 5)));
        mix(earth, grass, 0.8 * step(grown, grown + 0.12, litter.fractal(x / 34.0, y / 34.0, 3)))
    })
}

fn surface(side: usize, rng: &mut ChaCha8Rng) -> Canvas {
    let grain = Noise::new(rng);
    let grey = rng.color(srgb(105, 105, 108), srgb(200, 198, 192));
    let (dx, dy) = (rng.between(-0.25, 0.25), rng.between(-0.25, 0.25));
    Canvas::draw(side, |x, y| {
        let slope = 1.0 + dx * (x / 128.0 - 1.0) + dy * (y / 128.0 - 1.0);
        scale(grey, slope * (0.88 + 0.24 * grain.fractal(x / 5.0, y / 5.0, 3)))
    })
}

fn branch(canvas: &mut Canvas, rng: &mut ChaCha8Rng) {
    let (sin, cos) = rng.between(0.0, std::f32::consts::PI).sin_cos();
    let (px, py) = (rng.between(40.0, 216.0), rng.between(40.0, 216.0));
    let (width, bow, soft) = (rng.between(3.0, 11.0), rng.between(-0.002, 0.002), rng.between(2.0, 5.0));
    let bark = rng.color(srgb(92, 76, 62), srgb(150, 142, 132));
    over(canvas, |x, y| {
        let (along, across) = ((x - px) * cos + (y - py) * sin, (y - py) * cos - (x - px) * sin);
        let off = across + bow * along * along;
        let round = 1.0 - 0.5 * (off / width).clamp(-1.0, 1.0);
        (scale(bark, round), 1.0 - step(width - soft, width + soft, off.abs()))
    });
}

/// A leaf out of focus: soft edge, soft veins.
fn neighbour(canvas: &mut Canvas, light: &Light, rng: &mut ChaCha8Rng) {
    let middle = (rng.between(-20.0, SPACE + 20.0), rng.between(-20.0, SPACE + 20.0));
    let length = rng.between(80.0, 190.0);
    let leaf = Leaf::new(rng, middle, length);
    let (green, soft, lean) = (greens(rng), rng.between(1.5, 11.0), rng.between(-0.35, 0.35));
    let shade = rng.between(0.45, 1.15);
    over(canvas, |x, y| {
        let spot = leaf.spot(x, y);
        let cover = step(-soft, soft, spot.inside);
        if cover == 0.0 {
            return ([0.0; 3], 0.0);
        }
        let half = 1.0 + lean * (spot.across / (soft + 2.0)).clamp(-1.0, 1.0);
        let vein = leaf.veins(&spot).line * (0.5 - soft * 0.05);
        let color = mix(scale(green, shade * half), srgb(165, 185, 130), vein * 0.5);
        (scale(color, light.reaches(x + 40.0, y + 40.0)), cover)
    });
}

fn over(canvas: &mut Canvas, color: impl Fn(f32, f32) -> (Color, f32)) {
    let side = canvas.side;
    for (index, pixel) in canvas.pixels.iter_mut().enumerate() {
        let (x, y) = super::canvas::place(index, side);
        let (color, cover) = color(x, y);
        *pixel = mix(*pixel, color, cover);
    }
}
