//! Arrays that are used again: a step takes and gives back the same memory as the step before, so that it touches no
//! fresh page.

use super::Extra;
use super::layers::recurrent::Saved;
use super::node::Cell;
use std::ops::{Deref, DerefMut};

/// An array of a size asked for, within memory that may be larger. Its content is what the last user left.
#[derive(Debug, Default)]
pub(super) struct Array {
    memory: Vec<f32>,
    length: usize,
}

impl Array {
    /// Leaves only the first `length` numbers.
    pub(super) fn shorten(&mut self, length: usize) {
        self.length = length.min(self.length);
    }
}

impl Deref for Array {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[..self.length]
    }
}

impl DerefMut for Array {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.length]
    }
}

/// Memory that waits for its next use.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    free: Vec<Vec<f32>>,
    free_places: Vec<Vec<u8>>,
    free_saved: Vec<Saved>,
}

impl Buffers {
    /// An array of `length` numbers of any value: the smallest that is large enough, but not one twice as large.
    pub(super) fn take(&mut self, length: usize) -> Array {
        if length == 0 {
            return Array::default();
        }
        let fits = |memory: &Vec<f32>| memory.len() >= length && memory.len() / 2 <= length;
        let best = (0..self.free.len()).filter(|&i| fits(&self.free[i])).min_by_key(|&i| self.free[i].len());
        let memory = best.map_or_else(|| vec![0.0; length], |i| self.free.swap_remove(i));
        Array { memory, length }
    }

    /// An array of `length` numbers of any value, for sizes that change from use to use: memory comes in powers of two, so
    /// that one array serves all of nearly its size.
    pub(super) fn take_any(&mut self, length: usize) -> Array {
        let mut array = self.take(length.next_power_of_two());
        array.length = length;
        array
    }

    /// An array of zeros.
    pub(super) fn zeros(&mut self, length: usize) -> Array {
        let mut array = self.take(length);
        array.fill(0.0);
        array
    }

    pub(super) fn give(&mut self, array: Array) {
        // Arrays of nothing would only make the search for memory longer from step to step.
        if !array.memory.is_empty() {
            self.free.push(array.memory);
        }
    }

    /// Arrays that wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.free.len()
    }

    /// Numbers that wait here, four bytes one.
    #[cfg(test)]
    pub(super) fn held(&self) -> u64 {
        let numbers: usize = self.free.iter().map(Vec::len).sum();
        let bytes: usize = self.free_places.iter().map(Vec::len).sum();
        (numbers + bytes / 4) as u64
    }

    /// Bytes of any value, exactly `length`.
    pub(super) fn take_places(&mut self, length: usize) -> Vec<u8> {
        let same = self.free_places.iter().position(|places| places.len() == length);
        same.map_or_else(|| vec![0; length], |i| self.free_places.swap_remove(i))
    }

    pub(super) fn give_places(&mut self, places: Vec<u8>) {
        // Batches of a few sizes take turns; more are not kept.
        if self.free_places.len() < 64 {
            self.free_places.push(places);
        }
    }

    /// What a task of a recurrent layer keeps, with the memory of an earlier one.
    pub(super) fn take_saved(&mut self, cell: Cell) -> Saved {
        let same = self.free_saved.iter().rposition(|saved| saved.is_of(cell));
        same.map_or_else(|| Saved::new(cell), |i| self.free_saved.swap_remove(i))
    }

    /// Takes back what a node kept for its gradient.
    pub(super) fn give_extra(&mut self, extra: Extra) {
        match extra {
            Extra::Places(places) => self.give_places(places),
            Extra::Recurrent(saved, all) => {
                self.free_saved.extend(saved);
                self.give(all);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_where_it_fits() {
        let mut buffers = Buffers::default();
        let mut array = buffers.take(100);
        array[99] = 7.0;
        buffers.give(array);
        assert_eq!(buffers.take(40).len(), 40);
        let odd = buffers.take_any(130);
        assert_eq!((odd.len(), odd.memory.len()), (130, 256));
        let again = buffers.take(60);
        assert_eq!((again.len(), again.memory.len()), (60, 100));
        buffers.give(again);
        assert!(buffers.zeros(100).iter().all(|&x| x == 0.0));
        assert!(buffers.free.is_empty());
    }
}
