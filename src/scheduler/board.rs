//! Where every stage of a run stands: [`Board`], whose one function changes a [`Stand`]; pure.

use crate::graph::{Graph, StageId};
use std::collections::{BTreeMap, BTreeSet};

/// The life of a stage in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// The outputs of something that it needs aren't known yet.
    Waiting,
    /// All that it needs is known: it can be assessed.
    Due,
    /// It was assessed, and is to be run.
    Ready,
    Running,
    /// Its outputs are known: it was fresh, or has run.
    Known,
    Failed,
    /// Something that it needs has failed.
    Skipped,
}

/// The stages of a run, in order.
#[derive(Debug)]
pub struct Board {
    order: Vec<StageId>,
    needs: BTreeMap<StageId, BTreeSet<StageId>>,
    stands: BTreeMap<StageId, Stand>,
}

impl Board {
    /// `stages`: in order, and with all that they need.
    pub fn new(graph: &Graph, stages: &[StageId]) -> Self {
        Self::of(stages.iter().map(|id| (*id, graph.needs(*id))).collect())
    }

    fn of(stages: Vec<(StageId, BTreeSet<StageId>)>) -> Self {
        let order = stages.iter().map(|(id, _)| *id).collect();
        let stands = stages
            .iter()
            .map(|(id, needs)| (*id, if needs.is_empty() { Stand::Due } else { Stand::Waiting }))
            .collect();
        Self { order, needs: stages.into_iter().collect(), stands }
    }

    /// Moves a stage on, and with it those that wait for it.
    ///
    /// # Panics
    /// On a move that no stage makes: a bug.
    pub fn change(&mut self, id: StageId, to: Stand) {
        let from = self.stands[&id];
        let allowed = match from {
            Stand::Waiting => matches!(to, Stand::Due | Stand::Skipped),
            Stand::Due => matches!(to, Stand::Ready | Stand::Known | Stand::Failed),
            // Looked at again before it starts, it may be found fresh, or not at all.
            Stand::Ready => matches!(to, Stand::Running | Stand::Known | Stand::Failed),
            // A try that failed may be followed by another.
            Stand::Running => matches!(to, Stand::Ready | Stand::Known | Stand::Failed),
            Stand::Known | Stand::Failed | Stand::Skipped => false,
        };
        assert!(allowed, "a stage went from {from:?} to {to:?}");
        self.stands.insert(id, to);
        let wakes = match to {
            Stand::Known => Stand::Due,
            Stand::Failed | Stand::Skipped => Stand::Skipped,
            _ => return,
        };
        let waiting: Vec<StageId> = self.followers(id).filter(|next| self.stands[next] == Stand::Waiting).collect();
        for next in waiting {
            // It may have been skipped for another reason on the way.
            let ready = self.needs[&next].iter().all(|need| self.stands[need] == Stand::Known);
            if self.stands[&next] == Stand::Waiting && (wakes == Stand::Skipped || ready) {
                self.change(next, wakes);
            }
        }
    }

    /// The stages that stand so, in order.
    pub fn all(&self, stand: Stand) -> Vec<StageId> {
        self.order.iter().copied().filter(|id| self.stands[id] == stand).collect()
    }

    /// The first that stands so.
    pub fn first(&self, stand: Stand) -> Option<StageId> {
        self.order.iter().copied().find(|id| self.stands[id] == stand)
    }

    fn followers(&self, id: StageId) -> impl Iterator<Item = StageId> {
        self.order.iter().copied().filter(move |next| self.needs[next].contains(&id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0 -> 1 -> 3, 2 -> 3, 4.
    fn board() -> Board {
        let stage = |id, needs: &[usize]| (StageId(id), needs.iter().copied().map(StageId).collect());
        Board::of(vec![stage(0, &[]), stage(1, &[0]), stage(2, &[]), stage(3, &[1, 2]), stage(4, &[])])
    }

    fn ids(ids: &[usize]) -> Vec<StageId> {
        ids.iter().copied().map(StageId).collect()
    }

    fn run(board: &mut Board, id: usize) {
        board.change(StageId(id), Stand::Ready);
        board.change(StageId(id), Stand::Running);
    }

    #[test]
    fn a_stage_is_due_when_all_that_it_needs_is_known() {
        let mut board = board();
        assert_eq!(board.all(Stand::Due), ids(&[0, 2, 4]));
        run(&mut board, 0);
        run(&mut board, 2);
        board.change(StageId(0), Stand::Known);
        assert_eq!(board.all(Stand::Due), ids(&[1, 4]));
        board.change(StageId(1), Stand::Known);
        assert_eq!(board.all(Stand::Waiting), ids(&[3]));
        board.change(StageId(2), Stand::Known);
        assert_eq!(board.all(Stand::Due), ids(&[3, 4]));
    }

    #[test]
    fn what_depends_on_a_failure_is_skipped_and_nothing_else() {
        let mut board = board();
        run(&mut board, 0);
        board.change(StageId(0), Stand::Failed);
        assert_eq!(board.all(Stand::Skipped), ids(&[1, 3]));
        assert_eq!(board.all(Stand::Due), ids(&[2, 4]));
        run(&mut board, 2);
        board.change(StageId(2), Stand::Known);
        assert_eq!(board.all(Stand::Skipped), ids(&[1, 3]));
    }

    #[test]
    #[should_panic(expected = "a stage went from Known to Running")]
    fn what_is_known_does_not_run() {
        let mut board = board();
        board.change(StageId(0), Stand::Known);
        board.change(StageId(0), Stand::Running);
    }
}
