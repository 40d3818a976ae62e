//! A bump allocator for components.
//!
//! The host makes a fresh instance for every call and throws its memory away whole, so freeing is wasted work: memory is
//! handed out in order, and only what was handed out last can be taken back or grown in place (a growing buffer is the
//! common case). It measures as the biggest saving in a call after the host's own pooling. A plugin that keeps much and
//! frees much in one call may do without: `default-features = false`.
//!
//! `unsafe` is unavoidable: a global allocator is an unsafe trait, and the canonical ABI's `cabi_realloc` is called by the
//! host with raw pointers. Components are single-threaded, which is what makes the cells below sound.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::{Cell, UnsafeCell};
use std::ptr;

/// Memory that exists from the start, so that a small call never asks for more: growing costs a system call in the host.
const ARENA: usize = 192 * 1024;
/// The least that is asked for at once when the arena is full.
const GROWTH_PAGES: usize = 8;
const PAGE: usize = 64 * 1024;

#[repr(align(16))]
struct Arena(UnsafeCell<[u8; ARENA]>);

// SAFETY: a component has one thread.
unsafe impl Sync for Arena {}

static MEMORY: Arena = Arena(UnsafeCell::new([0; ARENA]));

struct Bump {
    /// Where the current chunk begins, its first free byte and its end; all zero before the first allocation.
    chunk: Cell<usize>,
    next: Cell<usize>,
    end: Cell<usize>,
}

// SAFETY: a component has one thread.
unsafe impl Sync for Bump {}

#[global_allocator]
static ALLOCATOR: Bump = Bump { chunk: Cell::new(0), next: Cell::new(0), end: Cell::new(0) };

impl Bump {
    fn allocate(&self, size: usize, align: usize) -> *mut u8 {
        loop {
            let start = self.next.get().wrapping_add(align - 1) & !(align - 1);
            let end = start.saturating_add(size);
            if self.end.get() != 0 && end <= self.end.get() {
                self.next.set(end);
                return start as *mut u8;
            }
            if !self.refill(size, align) {
                return ptr::null_mut();
            }
        }
    }

    /// Gets room for so much: by lengthening the chunk when new memory follows it, else in a new one.
    #[cold]
    fn refill(&self, size: usize, align: usize) -> bool {
        if self.end.get() == 0 {
            let start = MEMORY.0.get() as usize;
            self.begin(start, start + ARENA);
            return true;
        }
        let Some(wanted) = size.checked_add(align + PAGE - 1) else {
            return false;
        };
        let pages = (wanted / PAGE).max(GROWTH_PAGES);
        let before = core::arch::wasm32::memory_grow::<0>(pages);
        if before == usize::MAX {
            return false;
        }
        let (start, end) = (before * PAGE, (before + pages) * PAGE);
        if start == self.end.get() {
            self.end.set(end);
        } else {
            self.begin(start, end);
        }
        true
    }

    /// Whether new memory would follow the chunk: not the arena, and nobody else has asked for memory since.
    fn can_lengthen(&self) -> bool {
        self.end.get() == core::arch::wasm32::memory_size::<0>() * PAGE
    }

    fn begin(&self, start: usize, end: usize) {
        self.chunk.set(start);
        self.next.set(start);
        self.end.set(end);
    }

    /// Whether this block of ours is the last one handed out. The libc has an allocator of its own, whose blocks lie
    /// outside the chunk and are never taken for the last.
    fn is_last(&self, block: usize, size: usize) -> bool {
        block >= self.chunk.get() && block + size == self.next.get()
    }

    fn grow(&self, block: *mut u8, old: usize, align: usize, new: usize) -> *mut u8 {
        let start = block as usize;
        if self.is_last(start, old) {
            let end = start.saturating_add(new);
            let fits = end <= self.end.get() || (self.can_lengthen() && self.refill(new - old, 1));
            if fits {
                self.next.set(end);
                return block;
            }
        } else if new <= old {
            return block;
        }
        let moved = self.allocate(new, align);
        if !moved.is_null() {
            // SAFETY: both blocks are live, do not overlap, and have at least `min(old, new)` bytes.
            unsafe { ptr::copy_nonoverlapping(block, moved, old.min(new)) };
        }
        moved
    }
}

// SAFETY: blocks come from the arena or from fresh pages, never overlap, are aligned as asked, and stay where they are.
unsafe impl GlobalAlloc for Bump {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.allocate(layout.size(), layout.align())
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if self.is_last(block as usize, layout.size()) {
            self.next.set(block as usize);
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        self.grow(block, layout.size(), layout.align(), new_size)
    }
}

/// Room for the arguments and answers that the host writes. The libc brings one that uses its own heap; this one, found
/// first by the linker, keeps everything in the arena.
///
/// # Safety
/// Called by the component's adapter code alone, with a block that came from here, or with none and size 0.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(block: *mut u8, old_size: usize, align: usize, new_size: usize) -> *mut u8 {
    if new_size == 0 {
        return align as *mut u8;
    }
    let block = if old_size == 0 {
        ALLOCATOR.allocate(new_size, align)
    } else {
        ALLOCATOR.grow(block, old_size, align, new_size)
    };
    if block.is_null() {
        core::arch::wasm32::unreachable();
    }
    block
}
