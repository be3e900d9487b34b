//! What a variant changes in the contributions of the bases around it.

use super::{Variant, Window};

/// How contributions of bases differ between the alternate and the reference sequence, bases that the variant replaces or
/// brings left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttributionChange {
    /// The sum of the absolute changes, 0 or more, in units of the contributions.
    pub total: f64,
    /// The change, alternate minus reference, that is largest in size; of equal ones the leftmost.
    pub largest: f64,
    /// The 0-based position of that base on the contig; none where nothing changes.
    pub position: Option<i64>,
}

/// Compares the contributions of the bases of a window, in reading direction, with those in the sequences that
/// [`Window::edits`] makes of it, one a way to put the variant into the window. Each base is compared with itself
/// ([`Window::shared`]); of a base that several ways hold, the changes are averaged.
///
/// None where no base is in the window both before and after the variant, or where a contribution is no number.
pub fn attribution_change(
    window: &Window,
    variant: &Variant,
    reference: &[f64],
    alternates: &[Vec<f64>],
) -> Option<AttributionChange> {
    // Of each base from the left, the sum of its changes and in how many ways it is there.
    let mut changes = vec![(0.0, 0usize); window.length];
    for (way, alternate) in alternates.iter().enumerate() {
        for (position, before, after) in window.shared(variant, way) {
            let (sum, ways) = &mut changes[(position - window.start) as usize];
            *sum += alternate[after] - reference[before];
            *ways += 1;
        }
    }
    let mut found: Option<AttributionChange> = None;
    for (position, (sum, ways)) in (window.start..).zip(changes).filter(|(_, (_, ways))| *ways > 0) {
        let change = sum / ways as f64;
        let own = found.get_or_insert(AttributionChange { total: 0.0, largest: 0.0, position: None });
        own.total += change.abs();
        if change.abs() > own.largest.abs() {
            (own.largest, own.position) = (change, Some(position));
        }
    }
    found.filter(|found| found.total.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Stream, below, stream};
    use crate::variants::Stretch;
    use crate::{Alphabet, CasePolicy, Code, Encoding};

    const PLAIN: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };

    fn change(
        window: Window,
        variant: &Variant,
        reference: &[f64],
        alternates: &[&[f64]],
    ) -> Option<AttributionChange> {
        let alternates: Vec<Vec<f64>> = alternates.iter().map(|own| own.to_vec()).collect();
        attribution_change(&window, variant, reference, &alternates)
    }

    #[test]
    fn the_base_itself_is_left_out_and_the_others_are_compared_with_themselves() {
        let window = Window { start: 10, length: 4, reverse: false };
        let substitution = Variant::new(11, b"A", b"C");
        let found = change(window, &substitution, &[1.0, 5.0, 2.0, 0.0], &[&[1.5, -9.0, 0.0, 0.0]]);
        assert_eq!(found, Some(AttributionChange { total: 2.5, largest: -2.0, position: Some(12) }));
        // Read from the other strand, the third place is the variant and the first is base 13.
        let reverse = Window { reverse: true, ..window };
        let found = change(reverse, &substitution, &[1.0, 5.0, 2.0, 0.0], &[&[3.0, 5.0, -9.0, 1.0]]);
        assert_eq!(found, Some(AttributionChange { total: 3.0, largest: 2.0, position: Some(13) }));
    }

    #[test]
    fn bases_that_an_insertion_or_a_deletion_moves_are_found_again() {
        let window = Window { start: 10, length: 4, reverse: false };
        // Base 12 goes to the right by one, base 13 out of the window; or base 11 goes to the left and base 10 out of it.
        let insertion = Variant::new(12, b"", b"G");
        let found = change(window, &insertion, &[1.0, 2.0, 3.0, 4.0], &[&[1.0, 2.0, 9.0, 3.5], &[2.0, 9.0, 3.0, 4.0]]);
        assert_eq!(found, Some(AttributionChange { total: 0.25, largest: 0.25, position: Some(12) }));
        let deletion = Variant::new(11, b"A", b"");
        let found = change(window, &deletion, &[1.0, 2.0, 3.0, 4.0], &[&[1.0, 3.0, 4.0, 9.0], &[9.0, 0.0, 3.0, 4.0]]);
        assert_eq!(found, Some(AttributionChange { total: 0.5, largest: -0.5, position: Some(10) }));
    }

    #[test]
    fn nothing_to_compare_and_nothing_that_changes_are_told_apart() {
        let window = Window { start: 0, length: 2, reverse: false };
        let same = change(window, &Variant::new(0, b"A", b"C"), &[1.0, 2.0], &[&[3.0, 2.0]]);
        assert_eq!(same, Some(AttributionChange { total: 0.0, largest: 0.0, position: None }));
        assert_eq!(change(window, &Variant::new(0, b"AC", b"GT"), &[1.0, 2.0], &[&[3.0, 2.0]]), None);
        assert_eq!(change(window, &Variant::new(0, b"A", b"C"), &[1.0, 2.0], &[&[3.0, f64::NAN]]), None);
    }

    /// The sequence with each letter's position on the contig, spelled out letter by letter; no position for new letters.
    fn spelled(window: Window, contig: &[u8], variant: &Variant, way: usize) -> Vec<(u8, Option<i64>)> {
        let reach = 200;
        let mut letters: Vec<(u8, Option<i64>)> = Vec::new();
        for position in window.start - reach..window.end() + reach {
            if position == variant.start as i64 {
                letters.extend(variant.alternate.iter().map(|&letter| (letter, None)));
            }
            if !(variant.start as i64..variant.end() as i64).contains(&position) {
                let letter = usize::try_from(position).ok().and_then(|at| contig.get(at).copied()).unwrap_or(b'N');
                letters.push((letter, Some(position)));
            }
        }
        // The first way lets the left end of the window stay on its base, the second one the right end.
        let at = |wanted: i64| letters.iter().position(|letter| letter.1 == Some(wanted)).unwrap();
        let first = if way == 0 { at(window.start - 50) + 50 } else { at(window.end() + 50) - 50 - window.length };
        let mut own = letters[first..first + window.length].to_vec();
        if window.reverse {
            own.reverse();
        }
        own
    }

    fn drawn(rng: &mut Stream, contig: &[u8]) -> (Window, Variant) {
        let start = below(rng, contig.len() - 4);
        let (old, new) = (below(rng, 4), below(rng, 5));
        let new: Vec<u8> = (0..new).map(|_| b"ACGT"[below(rng, 4)]).collect();
        let variant = Variant::new(start as u64, &contig[start..start + old], &new);
        let window = Window { start: start as i64 - below(rng, 12) as i64, length: 12, reverse: below(rng, 2) == 1 };
        (window, variant)
    }

    #[test]
    fn places_are_those_of_sequences_spelled_letter_by_letter() {
        let contig = b"ACGGTTACANGTACCATTGACGA";
        for n in 0..2000 {
            let mut rng = stream(1, "attribution test", &[n]);
            let (window, variant) = drawn(&mut rng, contig);
            let stretch = Stretch { start: 0, letters: contig.to_vec() };
            let reference = window.codes(&stretch, PLAIN).unwrap();
            for (way, edit) in window.edits(&stretch, &variant, PLAIN).unwrap().iter().enumerate() {
                let mut altered = reference.clone();
                edit.apply(&mut altered);
                let expected = spelled(window, contig, &variant, way);
                let base = |code: &Code| b"ACGTN"[code.base() as usize];
                let turned = |letter: u8| {
                    if window.reverse { base(&PLAIN.encode(&[letter]).unwrap()[0].complement()) } else { letter }
                };
                assert_eq!(
                    altered.iter().map(base).collect::<Vec<u8>>(),
                    expected.iter().map(|letter| turned(letter.0)).collect::<Vec<u8>>(),
                    "{n} {window:?} {variant:?} {way}"
                );
                let inside = |position: i64| (window.start..window.end()).contains(&position);
                let before = |position: i64| {
                    let place = (position - window.start) as usize;
                    if window.reverse { window.length - 1 - place } else { place }
                };
                let mut expected: Vec<(i64, usize, usize)> = (expected.iter().enumerate())
                    .filter_map(|(after, letter)| letter.1.map(|position| (position, after)))
                    .filter(|(position, _)| inside(*position))
                    .map(|(position, after)| (position, before(position), after))
                    .collect();
                expected.sort_unstable();
                assert_eq!(
                    window.shared(&variant, way).collect::<Vec<_>>(),
                    expected,
                    "{n} {window:?} {variant:?} {way}"
                );
            }
        }
    }
}
