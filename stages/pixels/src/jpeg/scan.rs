//! From coded data to planes of pixels: [`Scan`], which holds every block of it to be there.

use super::bits::{Bits, Pieces};
use super::codes::Codes;
use super::header::{Frame, SHORT, Tables};
use super::transform;

/// The pixels of one component.
pub(super) struct Plane {
    /// Pixels a line; lines and columns past the photograph's fill its last blocks.
    stride: usize,
    pixels: Vec<u8>,
    /// Pixels of a block, across and down.
    points: usize,
    /// Whether a scan gave it.
    pub sent: bool,
}

impl Plane {
    /// For `across` x `down` blocks.
    pub(super) fn new((across, down): (usize, usize), points: usize) -> Self {
        let stride = across * points;
        Self { stride, pixels: vec![0; stride * down * points], points, sent: false }
    }

    /// The first `width` pixels of the first `height` lines.
    pub(super) fn cut(mut self, width: usize, height: usize) -> Vec<u8> {
        if width < self.stride {
            for line in 1..height {
                self.pixels.copy_within(line * self.stride..line * self.stride + width, line * width);
            }
        }
        self.pixels.truncate(width * height);
        self.pixels
    }

    #[inline]
    fn put<const N: usize>(&mut self, (x, y): (usize, usize), block: [[u8; N]; N]) {
        let corner = y * N * self.stride + x * N;
        for (line, pixels) in block.iter().enumerate() {
            self.pixels[corner + line * self.stride..][..N].copy_from_slice(pixels);
        }
    }
}

/// Which of the coefficients as they are sent are the lowest 4 x 4, line by line.
const LOWEST: [usize; 16] = [0, 1, 5, 6, 2, 4, 7, 13, 3, 8, 12, 17, 9, 11, 18, 24];

/// One scan of whole blocks.
pub(super) struct Scan<'a> {
    frame: &'a Frame,
    parts: Vec<Part<'a>>,
    restart: usize,
}

/// What one component's blocks are read with.
struct Part<'a> {
    component: usize,
    dc: &'a Codes,
    ac: &'a Codes,
    steps: &'a [i32; 64],
}

impl<'a> Scan<'a> {
    pub(super) fn read(segment: &[u8], frame: &'a Frame, tables: &'a Tables) -> Result<Self, String> {
        let count = usize::from(*segment.first().ok_or(SHORT)?);
        let specs = segment.get(1..1 + 2 * count).ok_or(SHORT)?;
        let mut parts = Vec::new();
        for spec in specs.chunks(2) {
            let component = frame.components.iter().position(|component| component.id == spec[0]);
            let component = component.ok_or("a scan of an unknown component")?;
            let codes = |class: &'a [Option<Codes>; 4], place: u8| {
                class.get(usize::from(place)).and_then(Option::as_ref).ok_or("a Huffman table is missing")
            };
            let steps = tables.steps.get(frame.components[component].steps).and_then(Option::as_ref);
            parts.push(Part {
                component,
                dc: codes(&tables.dc, spec[1] >> 4)?,
                ac: codes(&tables.ac, spec[1] & 15)?,
                steps: steps.ok_or("a quantisation table is missing")?,
            });
        }
        if parts.is_empty() {
            return Err("a scan header of impossible contents".to_owned());
        }
        Ok(Self { frame, parts, restart: tables.restart })
    }

    /// Decodes every block from byte `at` on into the planes of the components; where the marker behind them stands.
    pub(super) fn decode(&self, jpeg: &[u8], at: usize, planes: &mut [Plane]) -> Result<usize, String> {
        let alone = self.parts.len() == 1;
        let (across, down) =
            if alone { self.frame.components[self.parts[0].component].blocks } else { self.frame.mcus };
        let mcus = across * down;
        let mut pieces = Pieces::new(jpeg, at);
        let mut mcu = 0;
        while mcu < mcus {
            if mcu > 0 {
                pieces.restart()?;
            }
            let last = if self.restart == 0 { mcus } else { mcus.min(mcu + self.restart) };
            let mut bits = pieces.read();
            let mut before = vec![0; self.parts.len()];
            while mcu < last {
                let place = (mcu % across, mcu / across);
                self.mcu(&mut bits, place, alone, &mut before, planes)
                    .map_err(|why| format!("{why} at block {mcu} of {mcus}"))?;
                mcu += 1;
            }
            bits.end()?;
        }
        for part in &self.parts {
            planes[part.component].sent = true;
        }
        Ok(pieces.end())
    }

    #[inline]
    fn mcu(
        &self,
        bits: &mut Bits,
        (x, y): (usize, usize),
        alone: bool,
        before: &mut [i32],
        planes: &mut [Plane],
    ) -> Result<(), &'static str> {
        for (part, before) in self.parts.iter().zip(before) {
            let (across, down) = if alone { (1, 1) } else { self.frame.components[part.component].sampling };
            let plane = &mut planes[part.component];
            for row in y * down..(y + 1) * down {
                for column in x * across..(x + 1) * across {
                    part.block(bits, (column, row), before, plane)?;
                }
            }
        }
        Ok(())
    }
}

impl Part<'_> {
    #[inline]
    fn block(
        &self,
        bits: &mut Bits,
        place: (usize, usize),
        before: &mut i32,
        plane: &mut Plane,
    ) -> Result<(), &'static str> {
        let decoded = match plane.points {
            4 => self.four(bits, before).map(|block| plane.put(place, block)),
            2 => self.two(bits, before).map(|block| plane.put(place, block)),
            _ => self.one(bits, before).map(|block| plane.put(place, block)),
        };
        if bits.suffices() { decoded } else { Err("the coded data end early") }
    }

    #[inline]
    fn four(&self, bits: &mut Bits, before: &mut i32) -> Result<[[u8; 4]; 4], &'static str> {
        let mut sent = [0; 26];
        self.sent(bits, before, &mut sent)?;
        let mut block = [0; 16];
        for (value, k) in block.iter_mut().zip(LOWEST) {
            *value = self.scaled(sent[k], k);
        }
        Ok(transform::four(&block))
    }

    #[inline]
    fn two(&self, bits: &mut Bits, before: &mut i32) -> Result<[[u8; 2]; 2], &'static str> {
        let mut sent = [0; 6];
        self.sent(bits, before, &mut sent)?;
        let scaled = |k: usize| self.scaled(sent[k], k);
        Ok(transform::two([scaled(0), scaled(1), scaled(2), scaled(4)]))
    }

    #[inline]
    fn one(&self, bits: &mut Bits, before: &mut i32) -> Result<[[u8; 1]; 1], &'static str> {
        let mut sent = [0; 2];
        self.sent(bits, before, &mut sent)?;
        Ok(transform::one(self.scaled(sent[0], 0)))
    }

    /// Reads the first of a block's coefficients in the order in which they are sent, and passes over the rest. The last
    /// place holds none: it is where those go that zeros bring behind the others.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the reader's state stays in registers")]
    fn sent<const ROOM: usize>(
        &self,
        bits: &mut Bits,
        before: &mut i32,
        sent: &mut [i32; ROOM],
    ) -> Result<(), &'static str> {
        bits.fill();
        *before = before.wrapping_add(self.dc.next(bits)?.value);
        sent[0] = *before;
        let mut k = 1;
        while k < ROOM - 1 {
            bits.fill();
            let next = self.ac.next(bits)?;
            k += next.zeros;
            sent[k.min(ROOM - 1)] = next.value;
            k += 1;
        }
        self.ac.pass(bits, k)
    }

    #[inline]
    fn scaled(&self, value: i32, k: usize) -> i32 {
        value.wrapping_mul(self.steps[k & 63]).clamp(-transform::LIMIT, transform::LIMIT)
    }
}
