//! Arrays that are used again: a step takes and gives back the same memory as the step before, so that it touches no
//! fresh page.

use std::ops::{Deref, DerefMut};

/// An array of a size asked for, within memory that may be larger. Its content is what the last user left.
#[derive(Debug, Default)]
pub(super) struct Array {
    memory: Vec<f32>,
    length: usize,
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
}

impl Buffers {
    /// An array of `length` numbers of any value: the smallest that is large enough, but not one twice as large.
    pub(super) fn take(&mut self, length: usize) -> Array {
        let fits = |memory: &Vec<f32>| memory.len() >= length && memory.len() / 2 <= length;
        let best = (0..self.free.len()).filter(|&i| fits(&self.free[i])).min_by_key(|&i| self.free[i].len());
        let memory = best.map_or_else(|| vec![0.0; length], |i| self.free.swap_remove(i));
        Array { memory, length }
    }

    /// An array of zeros.
    pub(super) fn zeros(&mut self, length: usize) -> Array {
        let mut array = self.take(length);
        array.fill(0.0);
        array
    }

    pub(super) fn give(&mut self, array: Array) {
        self.free.push(array.memory);
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
        let again = buffers.take(60);
        assert_eq!((again.len(), again.memory.len()), (60, 100));
        buffers.give(again);
        assert!(buffers.zeros(100).iter().all(|&x| x == 0.0));
        assert!(buffers.free.is_empty());
    }
}
