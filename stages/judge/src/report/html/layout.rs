//! A layered drawing of boxes and arrows, left to right: [`layout`] gives every box a column and a height in it, and every
//! arrow the gaps that it passes through (Sugiyama, Tagawa and Toda, 1981).

/// A box to be placed; lengths are pixels.
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Room to its right that words at its arrows take.
    pub(super) words: f64,
}

/// Where everything is; y grows downwards.
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Top left corners, a box each.
    pub(super) corners: Vec<(f64, f64)>,
    /// Widths and heights, as they were given.
    pub(super) sizes: Vec<[f64; 2]>,
    /// What each arrow passes between its ends.
    pub(super) routes: Vec<Vec<Passage>>,
}

/// A level piece of an arrow, across a column that it has no end in.
pub(super) struct Passage {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) y: f64,
}

const COLUMN_GAP: f64 = 46.0;
const ROW_GAP: f64 = 16.0;
const MARGIN: f64 = 8.0;
/// The height of an arrow that passes.
const BEND: f64 = 8.0;
const SWEEPS: usize = 12;

/// Something that takes room in a column: a box, or an arrow that passes.
struct Item {
    column: usize,
    height: f64,
    is_box: bool,
    before: Vec<usize>,
    after: Vec<usize>,
}

/// Places boxes so that every arrow points to the right.
///
/// # Errors
/// None where the arrows run in a circle.
pub(super) fn layout(sizes: &[Size], arrows: &[(usize, usize)]) -> Option<Layout> {
    let columns = columns(sizes.len(), arrows)?;
    let mut items: Vec<Item> =
        sizes.iter().zip(&columns).map(|(size, column)| Item::new(*column, size.height, true)).collect();
    let passing: Vec<Vec<usize>> = arrows.iter().map(|(from, to)| connect(&mut items, *from, *to)).collect();
    let count = columns.iter().max().map_or(0, |last| last + 1);
    let order = ordered(&items, count);
    let middles = middles(&items, &order);

    let mut lefts = Vec::new();
    let (mut x, mut widths) = (MARGIN, Vec::new());
    for column in 0..count {
        let boxes = || sizes.iter().zip(&columns).filter(|(_, own)| **own == column).map(|(size, _)| size);
        let width = boxes().map(|size| size.width).fold(0.0, f64::max);
        lefts.push(x);
        widths.push(width);
        x += width + COLUMN_GAP + boxes().map(|size| size.words).fold(0.0, f64::max);
    }
    let top = items.iter().zip(&middles).map(|(item, y)| y - item.height / 2.0).fold(f64::INFINITY, f64::min);
    let bottom = items.iter().zip(&middles).map(|(item, y)| y + item.height / 2.0).fold(f64::NEG_INFINITY, f64::max);
    let corner = |(place, size): (usize, &Size)| {
        let column = columns[place];
        let left = lefts[column] + (widths[column] - size.width) / 2.0;
        (left, middles[place] - size.height / 2.0 - top + MARGIN)
    };
    let passage = |bend: &usize| {
        let left = lefts[items[*bend].column];
        Passage { left, right: left + widths[items[*bend].column], y: middles[*bend] - top + MARGIN }
    };
    Some(Layout {
        width: lefts.last()? + widths.last()? + MARGIN,
        height: bottom - top + 2.0 * MARGIN,
        corners: sizes.iter().enumerate().map(corner).collect(),
        sizes: sizes.iter().map(|size| [size.width, size.height]).collect(),
        routes: passing.iter().map(|bends| bends.iter().map(passage).collect()).collect(),
    })
}

impl Item {
    fn new(column: usize, height: f64, is_box: bool) -> Self {
        Self { column, height, is_box, before: Vec::new(), after: Vec::new() }
    }
}

/// A box's column: one past the last that it is reached from; a box that nothing reaches stands just before the first
/// that it reaches.
fn columns(boxes: usize, arrows: &[(usize, usize)]) -> Option<Vec<usize>> {
    let mut columns = vec![0_usize; boxes];
    let mut settled = false;
    for _ in 0..=boxes {
        settled = true;
        for (from, to) in arrows {
            if columns[*to] <= columns[*from] {
                columns[*to] = columns[*from] + 1;
                settled = false;
            }
        }
        if settled {
            break;
        }
    }
    for place in (0..boxes).filter(|place| arrows.iter().all(|(_, to)| to != place)) {
        let first = arrows.iter().filter(|(from, _)| *from == place).map(|(_, to)| columns[*to]).min();
        columns[place] = first.map_or(0, |column| column.saturating_sub(1));
    }
    settled.then_some(columns)
}

/// Links two boxes by an item in every column between them.
fn connect(items: &mut Vec<Item>, from: usize, to: usize) -> Vec<usize> {
    let mut bends = Vec::new();
    let mut last = from;
    for column in items[from].column + 1..items[to].column {
        items.push(Item::new(column, BEND, false));
        let bend = items.len() - 1;
        bends.push(bend);
        items[last].after.push(bend);
        items[bend].before.push(last);
        last = bend;
    }
    items[last].after.push(to);
    items[to].before.push(last);
    bends
}

/// The items of each column from top to bottom, so that few arrows cross.
fn ordered(items: &[Item], columns: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<Vec<usize>> =
        (0..columns).map(|column| (0..items.len()).filter(|item| items[*item].column == column).collect()).collect();
    let mut best = (crossings(items, &order), order.clone());
    for sweep in 0..SWEEPS {
        let rightwards = sweep % 2 == 0;
        for step in 0..columns {
            let column = if rightwards { step } else { columns - 1 - step };
            let places = places(&order, items.len());
            let key = |item: &usize| {
                let beside = if rightwards { &items[*item].before } else { &items[*item].after };
                mean(beside.iter().map(|other| places[*other])).unwrap_or(places[*item])
            };
            order[column].sort_by(|a, b| key(a).total_cmp(&key(b)));
        }
        let count = crossings(items, &order);
        if count < best.0 {
            best = (count, order.clone());
        }
    }
    best.1
}

/// Each item's place in its column, 0 on top to 1, so that columns of different lengths compare.
fn places(order: &[Vec<usize>], items: usize) -> Vec<f64> {
    let mut places = vec![0.0; items];
    for column in order {
        for (place, item) in column.iter().enumerate() {
            places[*item] = (place as f64 + 0.5) / column.len() as f64;
        }
    }
    places
}

fn crossings(items: &[Item], order: &[Vec<usize>]) -> usize {
    let places = places(order, items.len());
    let mut count = 0;
    for column in order {
        let links: Vec<(f64, f64)> =
            column.iter().flat_map(|a| items[*a].after.iter().map(|b| (places[*a], places[*b]))).collect();
        for (place, (a, b)) in links.iter().enumerate() {
            count += links[..place].iter().filter(|(c, d)| (a - c) * (b - d) < 0.0).count();
        }
    }
    count
}

/// The middle of every item: as near to its neighbours' as its column allows.
fn middles(items: &[Item], order: &[Vec<usize>]) -> Vec<f64> {
    let mut middles = vec![0.0; items.len()];
    for column in order {
        place(items, column, &mut middles, |_, _| None);
    }
    for sweep in 0..SWEEPS {
        let last = sweep + 2 >= SWEEPS;
        let step = |column: &Vec<usize>, middles: &mut Vec<f64>| {
            place(items, column, middles, |item, middles| {
                let before = items[item].before.iter().filter(|_| last || sweep % 2 == 0);
                let after = items[item].after.iter().filter(|_| last || sweep % 2 == 1);
                mean(before.chain(after).map(|other| middles[*other]))
            });
        };
        if sweep % 2 == 0 {
            for column in order {
                step(column, &mut middles);
            }
        } else {
            for column in order.iter().rev() {
                step(column, &mut middles);
            }
        }
    }
    middles
}

/// Places a column's items in their order, without overlap, with the least sum of squared distances to where each is
/// wanted (isotonic regression by pooling neighbours).
fn place(items: &[Item], column: &[usize], middles: &mut [f64], wanted: impl Fn(usize, &[f64]) -> Option<f64>) {
    // (sum of wanted, weight, how many items): a run that stands as close as it may.
    let mut runs: Vec<(f64, f64, usize)> = Vec::new();
    let mut offsets = Vec::new();
    let mut offset = 0.0;
    for (place, item) in column.iter().enumerate() {
        if place > 0 {
            offset += f64::midpoint(items[column[place - 1]].height, items[*item].height) + ROW_GAP;
        }
        offsets.push(offset);
        // An arrow that passes should be straight before a box stands in the middle of its neighbours.
        let weight = if items[*item].is_box { 1.0 } else { 4.0 };
        let target = wanted(*item, middles).unwrap_or(middles[*item]) - offset;
        runs.push((target * weight, weight, 1));
        while let [.., above, below] = runs.as_slice() {
            if above.0 / above.1 <= below.0 / below.1 {
                break;
            }
            let joined = (above.0 + below.0, above.1 + below.1, above.2 + below.2);
            runs.truncate(runs.len() - 2);
            runs.push(joined);
        }
    }
    let mut place = 0;
    for (sum, weight, count) in runs {
        for _ in 0..count {
            middles[column[place]] = sum / weight + offsets[place];
            place += 1;
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::{Layout, Size, layout};

    fn sizes(count: usize) -> Vec<Size> {
        (0..count).map(|_| Size { width: 100.0, height: 40.0, words: 0.0 }).collect()
    }

    fn overlaps(layout: &Layout) -> bool {
        let apart = |(a, b): (&(f64, f64), &(f64, f64))| (a.0 - b.0).abs() >= 100.0 || (a.1 - b.1).abs() >= 40.0;
        let corners = &layout.corners;
        (0..corners.len()).any(|i| (0..i).any(|j| !apart((&corners[i], &corners[j]))))
    }

    #[test]
    fn every_arrow_points_right_and_no_box_lies_on_another() {
        let arrows = [(0, 1), (0, 2), (1, 3), (2, 3), (0, 3), (4, 3), (3, 5), (3, 6), (3, 7), (0, 7)];
        let drawn = layout(&sizes(8), &arrows).expect("no circle");
        for (from, to) in arrows {
            assert!(drawn.corners[from].0 + 100.0 < drawn.corners[to].0, "{from} -> {to}");
        }
        assert!(!overlaps(&drawn), "{:?}", drawn.corners);
        // 0 -> 3 passes the column of 1 and 2, beside both.
        let [passage] = drawn.routes[4].as_slice() else { panic!("one column lies between") };
        for corner in [drawn.corners[1], drawn.corners[2]] {
            assert!(passage.y < corner.1 || passage.y > corner.1 + 40.0);
        }
    }

    #[test]
    fn two_chains_do_not_cross() {
        // 0 -> 3 and 1 -> 2: the order in which they are named would cross.
        let drawn = layout(&sizes(4), &[(0, 3), (1, 2)]).expect("no circle");
        let y = |place: usize| drawn.corners[place].1;
        assert_eq!(y(0) < y(1), y(3) < y(2));
        assert!((y(0) - y(3)).abs() < 1e-9 && (y(1) - y(2)).abs() < 1e-9, "straight");
    }

    #[test]
    fn what_nothing_reaches_stands_beside_what_it_reaches() {
        let drawn = layout(&sizes(4), &[(0, 1), (1, 2), (3, 2)]).expect("no circle");
        assert!((drawn.corners[3].0 - drawn.corners[1].0).abs() < 1e-9);
    }

    #[test]
    fn a_circle_cannot_be_drawn() {
        assert!(layout(&sizes(2), &[(0, 1), (1, 0)]).is_none());
    }
}
