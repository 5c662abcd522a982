//! An allocator that keeps what is large for its next use: [`Keep`]. The system takes large memory back at once, and hands it
//! out again page by page, each cleared and mapped at ten times the cost of writing it; a network in training asks for the
//! same sizes at every step.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The system's allocator, but that memory of [`LARGE`] bytes and more is kept when it is freed. What is kept and what is
/// in use are together never more than was once in use.
#[derive(Debug, Clone, Copy)]
pub struct Keep;

/// From so many bytes on.
const LARGE: usize = 1 << 18;

/// Sizes between a power of two and the next.
const STEPS: usize = 8;

const CLASSES: usize = 22 * STEPS;

/// Kept memory begins with where the next of its class lies.
struct Kept {
    next: Option<NonNull<Kept>>,
}

struct Shelf {
    classes: [Option<NonNull<Kept>>; CLASSES],
    used: usize,
    idle: usize,
    most: usize,
}

// SAFETY: what the pointers lead to belongs to the shelf alone.
unsafe impl Send for Shelf {}

static SHELF: Mutex<Shelf> = Mutex::new(Shelf { classes: [None; CLASSES], used: 0, idle: 0, most: 0 });

fn shelf() -> MutexGuard<'static, Shelf> {
    SHELF.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The class of a layout, and the layout that all of the class have; none where the system does.
fn class(layout: Layout) -> Option<(usize, Layout)> {
    let size = layout.size();
    if size < LARGE || layout.align() > 64 {
        return None;
    }
    let step = (1 << size.ilog2()) / STEPS;
    let size = size.checked_next_multiple_of(step)?;
    let power = size.ilog2();
    let class = (power - LARGE.ilog2()) as usize * STEPS + (size - (1 << power)) / ((1 << power) / STEPS);
    (class < CLASSES).then_some(())?;
    Some((class, Layout::from_size_align(size, 64).ok()?))
}

/// The layout of a class.
fn layout(class: usize) -> Layout {
    let power = LARGE.ilog2() as usize + class / STEPS;
    let size = (1 << power) + class % STEPS * ((1 << power) / STEPS);
    Layout::from_size_align(size, 64).expect("a class that was made of a layout")
}

impl Shelf {
    /// Kept memory of a class, if there is some.
    fn take(&mut self, class: usize) -> Option<NonNull<u8>> {
        let kept = self.classes[class]?;
        // SAFETY: what is on the shelf is memory of its class that begins with a `Kept`.
        self.classes[class] = unsafe { kept.as_ref().next };
        self.idle -= layout(class).size();
        Some(kept.cast())
    }

    /// Gives the largest back to the system until there is room for what is used.
    fn clear(&mut self) {
        for class in (0..CLASSES).rev() {
            while self.used + self.idle > self.most {
                let Some(memory) = self.take(class) else { break };
                // SAFETY: it came from the system by this layout.
                unsafe { System.dealloc(memory.as_ptr(), layout(class)) };
            }
        }
    }
}

/// Memory of a class, kept or new, and whether it is all zeros.
fn get(class: usize, zeros: bool) -> (*mut u8, bool) {
    let layout = layout(class);
    let mut shelf = shelf();
    shelf.used += layout.size();
    if let Some(memory) = shelf.take(class) {
        return (memory.as_ptr(), false);
    }
    shelf.most = shelf.most.max(shelf.used);
    shelf.clear();
    drop(shelf);
    // SAFETY: no class has size 0.
    let memory = unsafe { if zeros { System.alloc_zeroed(layout) } else { System.alloc(layout) } };
    if memory.is_null() {
        self::shelf().used -= layout.size();
    }
    (memory, zeros)
}

// SAFETY: each class has one layout, which holds every layout of the class, so that memory may serve any of them; it is
// either handed out or on the shelf, never both; all else is the system's.
unsafe impl GlobalAlloc for Keep {
    unsafe fn alloc(&self, asked: Layout) -> *mut u8 {
        match class(asked) {
            Some((class, _)) => get(class, false).0,
            // SAFETY: the caller's promise.
            None => unsafe { System.alloc(asked) },
        }
    }

    unsafe fn alloc_zeroed(&self, asked: Layout) -> *mut u8 {
        let Some((class, _)) = class(asked) else {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc_zeroed(asked) };
        };
        let (memory, zeros) = get(class, true);
        if !zeros && !memory.is_null() {
            // SAFETY: the class's layout holds what was asked for.
            unsafe { ptr::write_bytes(memory, 0, asked.size()) };
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, asked: Layout) {
        // Memory of a class is aligned to 64.
        #[allow(clippy::cast_ptr_alignment)]
        let kept = NonNull::new(memory.cast::<Kept>());
        let (Some((class, layout)), Some(kept)) = (class(asked), kept) else {
            // SAFETY: the caller's promise.
            return unsafe { System.dealloc(memory, asked) };
        };
        let mut shelf = shelf();
        // SAFETY: the caller gives the memory up; it is larger than a `Kept`, and aligned to 64.
        unsafe { kept.write(Kept { next: shelf.classes[class] }) };
        shelf.classes[class] = Some(kept);
        shelf.used -= layout.size();
        shelf.idle += layout.size();
    }

    unsafe fn realloc(&self, memory: *mut u8, asked: Layout, size: usize) -> *mut u8 {
        let Ok(wanted) = Layout::from_size_align(size, asked.align()) else { return ptr::null_mut() };
        match (class(asked), class(wanted)) {
            // SAFETY: the caller's promise.
            (None, None) => unsafe { System.realloc(memory, asked, size) },
            (Some((from, _)), Some((to, _))) if from == to => memory,
            _ => {
                // SAFETY: the caller's promise; old and new memory are two, each as long as what is copied.
                unsafe {
                    let new = self.alloc(wanted);
                    if !new.is_null() {
                        ptr::copy_nonoverlapping(memory, new, asked.size().min(size));
                        self.dealloc(memory, asked);
                    }
                    new
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_a_class_that_holds_it_with_little_to_spare() {
        for size in (LARGE..LARGE * 40).step_by(9973).chain([LARGE, 2 * LARGE - 1, 2 * LARGE, 1 << 33]) {
            let (class, of) = class(Layout::from_size_align(size, 8).expect("a layout")).expect("a class");
            assert_eq!(layout(class), of, "{size}");
            assert!(of.size() >= size && of.size() <= size + size / 8 + 1, "{size}: {}", of.size());
        }
        assert!(class(Layout::from_size_align(LARGE - 1, 8).expect("a layout")).is_none());
        assert!(class(Layout::from_size_align(LARGE, 4096).expect("a layout")).is_none());
    }

    #[test]
    fn memory_is_used_again_and_zeros_are_zeros() {
        // A class that nothing else here uses.
        let asked = Layout::from_size_align(300 << 20, 8).expect("a layout");
        // SAFETY: each layout is given back as it was asked for, and all is within it.
        unsafe {
            let first = Keep.alloc(asked);
            first.add(asked.size() - 1).write(7);
            Keep.dealloc(first, asked);
            let again = Keep.alloc_zeroed(asked);
            assert_eq!(again, first);
            assert!((0..asked.size()).step_by(4095).all(|at| *again.add(at) == 0));
            assert_eq!(*again.add(asked.size() - 1), 0);
            again.write(5);
            let more = Keep.realloc(again, asked, asked.size() + (100 << 20));
            assert_eq!(*more, 5);
            let less = Keep.realloc(more, Layout::from_size_align(400 << 20, 8).expect("a layout"), 16);
            assert_eq!(*less, 5);
            Keep.dealloc(less, Layout::from_size_align(16, 8).expect("a layout"));
        }
    }
}
