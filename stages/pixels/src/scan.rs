//! Is every block of a JPEG there? [`check`] walks the Huffman codes of all [`Scan`]s without making pixels (ITU-T
//! T.81, annexes F and G).
//!
//! Decoders, strict ones too, take an early end of the coded data for blocks of nothing and fill them with grey.

use crate::huffman::{Bits, Table};

/// Checks a JPEG that is Huffman-coded, baseline or progressive, up to its end-of-image marker; other processes are
/// left to the decoder, which refuses them.
///
/// # Errors
/// What is missing or too much, in words.
pub(crate) fn check(jpeg: &[u8]) -> Result<(), String> {
    let mut tables = Tables::default();
    let mut frame: Option<Frame> = None;
    let mut at = 2;
    loop {
        // Fill bytes may stand before a marker.
        while jpeg.get(at + 1) == Some(&0xFF) {
            at += 1;
        }
        let marker = *jpeg.get(at + 1).ok_or(SHORT)?;
        at += 2;
        if marker == 0xD9 {
            return frame.ok_or("no frame header")?.complete();
        }
        if matches!(marker, 0x01 | 0xD0..=0xD7) {
            continue;
        }
        let length = usize::from(number(jpeg.get(at..at + 2).ok_or(SHORT)?));
        let segment = jpeg.get(at + 2..at + length).ok_or(SHORT)?;
        at += length;
        match marker {
            0xC4 => tables.define(segment)?,
            0xDD => tables.restart = usize::from(number(segment.get(..2).ok_or(SHORT)?)),
            0xC0..=0xC2 => frame = Some(Frame::read(segment, marker == 0xC2)?),
            0xC3 | 0xC5..=0xCF => return Ok(()),
            0xDA => {
                at += Scan::read(segment, frame.as_mut().ok_or("a scan before its frame header")?)?
                    .walk(&jpeg[at..], &tables)?;
            }
            _ => {}
        }
    }
}

const SHORT: &str = "a segment ends early";

fn number(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

/// What stands before scans and holds until it is given anew.
#[derive(Default)]
struct Tables {
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    /// MCUs between restart markers; 0: none.
    restart: usize,
}

impl Tables {
    fn define(&mut self, mut segment: &[u8]) -> Result<(), String> {
        while let [head, rest @ ..] = segment {
            let counts: &[u8; 16] = rest.first_chunk().ok_or(SHORT)?;
            let values: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let values = rest.get(16..16 + values).ok_or(SHORT)?;
            // A DC value is a number of bits.
            if head >> 4 == 0 && values.iter().any(|value| *value > 15) {
                return Err("an impossible Huffman table".to_owned());
            }
            let table = Table::new(counts, values)?;
            let class = if head >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *class.get_mut(usize::from(head & 15)).ok_or("a Huffman table past the fourth")? = Some(table);
            segment = &rest[16 + values.len()..];
        }
        Ok(())
    }
}

struct Frame {
    progressive: bool,
    /// MCUs across and down in interleaved scans.
    mcus: (usize, usize),
    components: Vec<Component>,
}

struct Component {
    id: u8,
    /// Blocks of an MCU, across and down.
    sampling: (usize, usize),
    /// Blocks across and down that hold pixels: those of a scan of this component alone.
    blocks: (usize, usize),
    /// For each coefficient, the lowest bit sent so far; none at first.
    sent: [Option<u8>; 64],
    /// Which coefficients of each block are known not to be 0, a bit each; for progressive frames alone.
    nonzero: Vec<u64>,
}

impl Frame {
    fn read(segment: &[u8], progressive: bool) -> Result<Self, String> {
        let head: &[u8; 6] = segment.first_chunk().ok_or(SHORT)?;
        let (height, width) = (usize::from(number(&head[1..])), usize::from(number(&head[3..])));
        let specs = segment.get(6..6 + 3 * usize::from(head[5])).ok_or(SHORT)?;
        let samplings: Vec<(usize, usize)> =
            specs.chunks(3).map(|spec| (usize::from(spec[1] >> 4), usize::from(spec[1] & 15))).collect();
        let across = samplings.iter().map(|sampling| sampling.0).max().unwrap_or(0);
        let down = samplings.iter().map(|sampling| sampling.1).max().unwrap_or(0);
        if width == 0 || height == 0 || samplings.iter().any(|(h, v)| !(1..=4).contains(h) || !(1..=4).contains(v)) {
            return Err("a frame header of impossible sizes".to_owned());
        }
        let mcus = (width.div_ceil(8 * across), height.div_ceil(8 * down));
        let component = |(spec, (h, v)): (&[u8], (usize, usize))| Component {
            id: spec[0],
            sampling: (h, v),
            blocks: ((width * h).div_ceil(across).div_ceil(8), (height * v).div_ceil(down).div_ceil(8)),
            sent: [None; 64],
            nonzero: vec![0; if progressive { mcus.0 * h * mcus.1 * v } else { 0 }],
        };
        Ok(Self { progressive, mcus, components: specs.chunks(3).zip(samplings).map(component).collect() })
    }

    /// That every bit of every coefficient was sent.
    fn complete(&self) -> Result<(), String> {
        let complete = |component: &Component| component.sent.iter().all(|bit| *bit == Some(0));
        if self.components.iter().all(complete) { Ok(()) } else { Err("scans are missing".to_owned()) }
    }
}

/// One scan: which components, coefficients and bits it holds.
struct Scan<'a> {
    frame: &'a mut Frame,
    /// Component, DC table, AC table.
    parts: Vec<(usize, usize, usize)>,
    first: usize,
    last: usize,
    /// Whether it adds a bit to coefficients already sent.
    refines: bool,
}

impl<'a> Scan<'a> {
    fn read(segment: &[u8], frame: &'a mut Frame) -> Result<Self, String> {
        let count = usize::from(*segment.first().ok_or(SHORT)?);
        let specs = segment.get(1..1 + 2 * count).ok_or(SHORT)?;
        let mut parts = Vec::new();
        for spec in specs.chunks(2) {
            let place = frame.components.iter().position(|component| component.id == spec[0]);
            parts.push((
                place.ok_or("a scan of an unknown component")?,
                usize::from(spec[1] >> 4),
                usize::from(spec[1] & 15),
            ));
        }
        let [first, last, bits] = *segment[1 + 2 * count..].first_chunk().ok_or(SHORT)?;
        let (first, last, high, low) = if frame.progressive {
            (usize::from(first), usize::from(last), bits >> 4, bits & 15)
        } else {
            (0, 63, 0, 0)
        };
        let fits = first <= last && last < 64 && (!frame.progressive || (first == 0) == (last == 0));
        if parts.is_empty() || !fits || (first > 0 && parts.len() > 1) {
            return Err("a scan header of impossible contents".to_owned());
        }
        for (place, ..) in &parts {
            frame.components[*place].sent[first..=last].fill(Some(low));
        }
        Ok(Self { frame, parts, first, last, refines: high > 0 })
    }

    /// Walks every block; how many bytes the coded data took.
    fn walk(mut self, data: &[u8], tables: &Tables) -> Result<usize, String> {
        let mut bits = Bits::new(data);
        let alone = self.parts.len() == 1;
        let (across, down) = if alone { self.frame.components[self.parts[0].0].blocks } else { self.frame.mcus };
        let mut run = 0;
        for mcu in 0..across * down {
            if tables.restart > 0 && mcu > 0 && mcu % tables.restart == 0 {
                bits.restart()?;
                run = 0;
            }
            for part in 0..self.parts.len() {
                let sampling = if alone { (1, 1) } else { self.frame.components[self.parts[part].0].sampling };
                for (row, column) in (0..sampling.1).flat_map(|row| (0..sampling.0).map(move |column| (row, column))) {
                    let place = (mcu % across * sampling.0 + column, mcu / across * sampling.1 + row);
                    self.block(&mut bits, part, place, tables, &mut run)
                        .map_err(|why| format!("{why} at block {mcu} of {}", across * down))?;
                }
            }
        }
        bits.end()
    }

    fn block(
        &mut self,
        bits: &mut Bits,
        part: usize,
        (x, y): (usize, usize),
        tables: &Tables,
        run: &mut u32,
    ) -> Result<(), &'static str> {
        let (place, dc, ac) = self.parts[part];
        let dc = || tables.dc.get(dc).and_then(Option::as_ref).ok_or("a Huffman table is missing");
        let ac = || tables.ac.get(ac).and_then(Option::as_ref).ok_or("a Huffman table is missing");
        if !self.frame.progressive {
            return baseline(bits, dc()?, ac()?);
        }
        if self.first == 0 {
            return if self.refines { bits.skip(1) } else { dc()?.pass(bits).map(|_| ()) };
        }
        let component = &mut self.frame.components[place];
        let stride = self.frame.mcus.0 * component.sampling.0;
        let nonzero = &mut component.nonzero[y * stride + x];
        if self.refines {
            refine(bits, ac()?, (self.first, self.last), run, nonzero)
        } else {
            coefficients(bits, ac()?, (self.first, self.last), run, nonzero)
        }
    }
}

const TOO_MANY: &str = "coefficients run past their block";

/// A whole block.
fn baseline(bits: &mut Bits, dc: &Table, ac: &Table) -> Result<(), &'static str> {
    dc.pass(bits)?;
    let mut k = 1;
    while k < 64 {
        let (zeros, size) = run_and_size(ac.pass(bits)?);
        if size == 0 && zeros < 15 {
            return Ok(());
        }
        k += zeros + 1;
    }
    if k == 64 { Ok(()) } else { Err(TOO_MANY) }
}

/// Coefficients `first..=last` of a block as they are first sent. `run` is how many blocks, this one first, hold no
/// more of them.
fn coefficients(
    bits: &mut Bits,
    table: &Table,
    (first, last): (usize, usize),
    run: &mut u32,
    nonzero: &mut u64,
) -> Result<(), &'static str> {
    let mut k = first;
    while *run == 0 && k <= last {
        let (zeros, size) = run_and_size(table.pass(bits)?);
        if size == 0 && zeros < 15 {
            *run = end_of_block_run(bits, zeros)?;
            break;
        }
        k += zeros as usize;
        if k > last {
            return Err(TOO_MANY);
        }
        *nonzero |= u64::from(size > 0) << k;
        k += 1;
    }
    *run = run.saturating_sub(1);
    Ok(())
}

/// One bit more of coefficients `first..=last`: a bit for each that is not 0, and those that become so.
fn refine(
    bits: &mut Bits,
    table: &Table,
    (first, last): (usize, usize),
    run: &mut u32,
    nonzero: &mut u64,
) -> Result<(), &'static str> {
    let mut k = first;
    while *run == 0 && k <= last {
        let (mut zeros, size) = run_and_size(table.pass(bits)?);
        if size == 0 && zeros < 15 {
            *run = end_of_block_run(bits, zeros)?;
            break;
        }
        while k <= last && (*nonzero >> k & 1 == 1 || zeros > 0) {
            if *nonzero >> k & 1 == 1 {
                bits.skip(1)?;
            } else {
                zeros -= 1;
            }
            k += 1;
        }
        if k > last {
            return Err(TOO_MANY);
        }
        *nonzero |= u64::from(size > 0) << k;
        k += 1;
    }
    if *run > 0 {
        let left = (k..=last).filter(|k| *nonzero >> k & 1 == 1).count();
        bits.skip(left as u32)?;
        *run -= 1;
    }
    Ok(())
}

fn run_and_size(code: u8) -> (u32, u32) {
    (u32::from(code >> 4), u32::from(code & 15))
}

fn end_of_block_run(bits: &mut Bits, exponent: u32) -> Result<u32, &'static str> {
    Ok((1 << exponent) + bits.take(exponent)?)
}
