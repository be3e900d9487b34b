//! When two sequences count as the same.

use crate::{Alphabet, reverse_complement};
use std::collections::HashMap;

/// The form under which two sequences are compared: upper case, `U` as `T`, and for DNA the smaller of the sequence
/// and its reverse complement.
pub fn canonical(letters: &[u8], alphabet: Alphabet) -> Vec<u8> {
    let forward = upper(letters);
    match alphabet {
        Alphabet::Rna => forward,
        Alphabet::Dna => {
            let reverse = reverse_complement(&forward, Alphabet::Dna);
            forward.min(reverse)
        }
    }
}

/// Upper case with `U` as `T`.
pub fn upper(letters: &[u8]) -> Vec<u8> {
    letters
        .iter()
        .map(|letter| match letter.to_ascii_uppercase() {
            b'U' => b'T',
            other => other,
        })
        .collect()
}

/// For every item the number of its group: equal keys share one, numbers count up by first appearance.
pub(crate) fn group_numbers<K: std::hash::Hash + Eq>(keys: impl Iterator<Item = K>) -> Vec<usize> {
    let mut numbers = HashMap::new();
    keys.map(|key| {
        let next = numbers.len();
        *numbers.entry(key).or_insert(next)
    })
    .collect()
}

/// The rows of every group of [`group_numbers`].
pub(crate) fn members(numbers: &[usize]) -> Vec<Vec<usize>> {
    let count = numbers.iter().max().map_or(0, |&top| top + 1);
    let mut members = vec![Vec::new(); count];
    for (row, &group) in numbers.iter().enumerate() {
        members[group].push(row);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_u_and_for_dna_the_strand_do_not_matter() {
        assert_eq!(canonical(b"aacU", Alphabet::Dna), canonical(b"AGTT", Alphabet::Dna));
        assert_ne!(canonical(b"AACT", Alphabet::Rna), canonical(b"AGUU", Alphabet::Rna));
        assert_eq!(canonical(b"aauN", Alphabet::Rna), b"AATN");
        assert_eq!(canonical(b"", Alphabet::Dna), b"");
    }

    #[test]
    fn groups_count_up_by_first_appearance() {
        let numbers = group_numbers(["b", "a", "b", "c"].iter());
        assert_eq!(numbers, [0, 1, 0, 2]);
        assert_eq!(members(&numbers), [vec![0, 2], vec![1], vec![3]]);
        assert!(members(&[]).is_empty());
    }
}
