//! A Huffman table, made ready for three ways to read: [`Codes`] gives a difference, a coefficient, or passes over several
//! coefficients at a look.

use super::bits::Bits;
use std::cell::OnceCell;

/// Bits looked up at once for a code with its number, and for several.
const LOOK: u32 = 10;
const FAR: u32 = 13;
/// How often the bits held after a fill suffice for a look as [`FAR`].
const LOOKS: usize = 4;

/// A Huffman table.
pub(super) struct Codes {
    /// By length: the first code past those of this length, as 16 bits.
    limits: [u32; 17],
    /// By length: what to add to a code for its place in `values`.
    places: [i32; 17],
    values: Vec<u8>,
    /// By the next [`LOOK`] bits; none where the code is longer.
    short: Box<[Code; 1 << LOOK]>,
    /// By the next [`FAR`] bits.
    runs: OnceCell<Box<[Run; 1 << FAR]>>,
}

/// A code, in one word so that it stays in a register: bits of it and its number together, bits of the number, and zeros
/// before it; of no bits where there is none.
#[derive(Clone, Copy, Default)]
struct Code(u32);

impl Code {
    fn new(length: u32, value: u8) -> Self {
        let size = u32::from(value & 15);
        let zeros = if size == 0 && value < 0xF0 { END } else { usize::from(value >> 4) };
        Self((zeros as u32) << 16 | size << 8 | (length + size))
    }

    #[inline]
    fn length(self) -> u32 {
        self.0 & 0xFF
    }

    #[inline]
    fn size(self) -> u32 {
        self.0 >> 8 & 0xFF
    }

    #[inline]
    fn zeros(self) -> usize {
        (self.0 >> 16) as usize
    }
}

/// In place of zeros, the end of a block: past every block, so that no other test is needed.
const END: usize = 128;

/// A number other than 0, or a difference.
#[derive(Clone, Copy)]
pub(super) struct Coefficient {
    pub value: i32,
    /// Zeros before it; more than a block has where it ends.
    pub zeros: usize,
}

/// As many codes with their numbers as fit; none where `length` is 0.
#[derive(Clone, Copy, Default)]
struct Run {
    length: u8,
    /// Coefficients passed; [`END`] more where the block ends behind them.
    passed: u8,
}

pub(super) const NO_CODE: &str = "bits that are no Huffman code";
pub(super) const TOO_MANY: &str = "coefficients run past their block";
const IMPOSSIBLE: &str = "an impossible Huffman table";

impl Codes {
    /// From how many codes of 1 to 16 bits there are, and their values in order.
    ///
    /// # Errors
    /// More codes than their lengths allow.
    pub(super) fn new(counts: &[u8; 16], values: &[u8]) -> Result<Self, String> {
        let (mut limits, mut places) = ([0; 17], [0; 17]);
        let (mut code, mut place) = (0_u32, 0);
        for length in 1..=16 {
            places[length] = place - code as i32;
            (code, place) = (code + u32::from(counts[length - 1]), place + i32::from(counts[length - 1]));
            if code > 1 << length {
                return Err(IMPOSSIBLE.to_owned());
            }
            limits[length] = code << (16 - length);
            code <<= 1;
        }
        let short = Box::new([Code::default(); 1 << LOOK]);
        let mut table = Self { limits, places, values: values.to_vec(), short, runs: OnceCell::new() };
        for bits in 0..1 << LOOK {
            let found = table.long((bits as u32) << (16 - LOOK));
            if found.length() - found.size() <= LOOK {
                table.short[bits] = found;
            }
        }
        Ok(table)
    }

    /// That every value is a number of bits, as those of differences are.
    ///
    /// # Errors
    /// One that is not.
    pub(super) fn of_differences(self) -> Result<Self, String> {
        if self.values.iter().any(|value| *value > 15) { Err(IMPOSSIBLE.to_owned()) } else { Ok(self) }
    }

    /// The code that 16 bits begin with.
    #[inline(never)]
    fn long(&self, bits: u32) -> Code {
        let Some(length) = (1..=16).find(|length| bits < self.limits[*length]) else { return Code::default() };
        let place = (bits >> (16 - length)) as i32 + self.places[length];
        Code::new(length as u32, self.values[place as usize])
    }

    /// The coefficient that is next, passed; of 56 bits held it takes 31 at most.
    #[inline]
    pub(super) fn next(&self, bits: &mut Bits) -> Result<Coefficient, &'static str> {
        let mut code = self.short[bits.peek::<LOOK>()];
        if code.length() == 0 {
            code = self.long(bits.peek::<16>() as u32);
            if code.length() == 0 {
                return Err(NO_CODE);
            }
        }
        bits.skip(code.length() - code.size());
        let value = bits.number(code.size());
        Ok(Coefficient { value, zeros: code.zeros() })
    }

    /// Passes over what is left of a block from coefficient `k` on.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the reader's state stays in registers")]
    pub(super) fn pass(&self, bits: &mut Bits, mut k: usize) -> Result<(), &'static str> {
        let runs = self.runs.get_or_init(|| self.runs());
        'block: while k < 64 {
            bits.fill();
            for _ in 0..LOOKS {
                let run = runs[bits.peek::<FAR>()];
                let passed = usize::from(run.passed);
                let to = k + passed % END;
                if run.length == 0 || to > 63 {
                    bits.fill();
                    k += self.next(bits)?.zeros + 1;
                    continue 'block;
                }
                bits.skip(u32::from(run.length));
                if passed >= END {
                    return Ok(());
                }
                k = to;
            }
        }
        if k == 64 || k > END { Ok(()) } else { Err(TOO_MANY) }
    }

    fn runs(&self) -> Box<[Run; 1 << FAR]> {
        let mut runs = Box::new([Run::default(); 1 << FAR]);
        for (bits, run) in runs.iter_mut().enumerate() {
            loop {
                let rest = (bits << run.length) % (1 << FAR);
                let mut next = self.short[rest >> (FAR - LOOK)];
                if next.length() == 0 {
                    next = self.long((rest << (16 - FAR)) as u32);
                }
                let length = u32::from(run.length) + next.length();
                let ends = next.zeros() == END;
                if next.length() == 0 || length > FAR || (!ends && usize::from(run.passed) + next.zeros() > 62) {
                    break;
                }
                run.length = length as u8;
                run.passed += if ends { END as u8 } else { next.zeros() as u8 + 1 };
                if ends {
                    break;
                }
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::super::bits::Pieces;
    use super::*;

    /// The table of brightness that nearly all cameras use (T.81, K.3.3.2), and its mean's.
    fn usual() -> Codes {
        let counts = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D];
        // Of the 162 values the order does not matter here, only that all are there.
        let values: Vec<u8> =
            (0..16).flat_map(|zeros| (1..11).map(move |size| zeros << 4 | size)).chain([0x00, 0xF0]).collect();
        Codes::new(&counts, &values).expect("a table")
    }

    /// Bytes without order, none of them 0xFF.
    fn noise(mut state: u32) -> Vec<u8> {
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8 & 0x7F
        };
        std::iter::repeat_with(next).take(400).collect()
    }

    /// Passes over the rest of a block one coefficient after another.
    fn slowly(codes: &Codes, bits: &mut Bits, mut k: usize) -> Result<(), &'static str> {
        while k < 64 {
            bits.fill();
            k += codes.next(bits)?.zeros + 1;
        }
        if k > 64 && k < 128 { Err(TOO_MANY) } else { Ok(()) }
    }

    #[test]
    fn several_at_a_look_are_passed_as_one_after_another() {
        let codes = usual();
        let (mut ends, mut errors) = (0, 0);
        for seed in 0..2000 {
            let bytes = noise(seed);
            let (mut quick, mut slow) = (Pieces::new(&bytes, 0), Pieces::new(&bytes, 0));
            let (mut quick, mut slow) = (quick.read(), slow.read());
            for start in [1, 5, 25, 63, 64] {
                let (a, b) = (codes.pass(&mut quick, start), slowly(&codes, &mut slow, start));
                assert_eq!((a, quick.taken()), (b, slow.taken()), "seed {seed} from {start}");
                if a.is_err() {
                    errors += 1;
                    break;
                }
                ends += 1;
            }
        }
        assert!(ends > 1000 && errors > 100, "{ends} ends, {errors} errors");
    }

    #[test]
    fn codes_short_and_long_come_with_their_numbers() {
        // Codes 0 (3 bits follow), 10 (a zero more, none follow: the end) and, of 12 bits, 1100 0000 0000 (2 bits follow).
        let mut counts = [0; 16];
        (counts[0], counts[1], counts[11]) = (1, 1, 1);
        let codes = Codes::new(&counts, &[3, 0x10, 0x32]).expect("a table");
        // 0 101 | 10 | 110000000000 01 | 0 011, and ones.
        let mut pieces = Pieces::new(&[0b0101_1011, 0b0000_0000, 0b0001_0011, 0b1111_1110], 0);
        let mut bits = pieces.read();
        let mut next = || {
            bits.fill();
            codes.next(&mut bits).map(|found| (found.value, found.zeros))
        };
        assert_eq!([next(), next(), next(), next()], [Ok((5, 0)), Ok((0, 128)), Ok((-2, 3)), Ok((-4, 0))]);
        assert_eq!(next(), Err(NO_CODE));
    }

    #[test]
    fn impossible_tables_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert_eq!(Codes::new(&counts, &[1, 2, 3]).map(|_| ()), Err(IMPOSSIBLE.to_owned()));
        counts[0] = 2;
        assert!(Codes::new(&counts, &[1, 16]).expect("a table").of_differences().is_err());
    }
}
