//! Variants in the window of a model.

use super::Variant;
use crate::{Code, Edit, EncodeError, Encoding, Strand, complement_letter};

/// Letters of a contig, with `N` for what lies beyond its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// 0-based position of the first letter; negative before the contig's begin.
    pub start: i64,
    /// The letters as the genome writes them.
    pub letters: Vec<u8>,
}

/// Where a model's window lies on a contig.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// 0-based position of its leftmost base; negative if it begins before the contig.
    pub start: i64,
    /// Positions.
    pub length: usize,
    /// Whether it is read as its reverse complement.
    pub reverse: bool,
}

impl Window {
    /// The window of `length` positions whose position `length / 2`, counted from the left, is `centre`.
    pub fn centred(centre: u64, length: usize, strand: Strand) -> Self {
        Self { start: centre as i64 - (length / 2) as i64, length, reverse: strand == Strand::Reverse }
    }

    /// The middle of a variant: of one base itself, of an insertion the base before which it goes.
    pub fn middle(variant: &Variant) -> u64 {
        variant.start + variant.reference.len() as u64 / 2
    }

    /// One past its rightmost base.
    pub fn end(&self) -> i64 {
        self.start + self.length as i64
    }

    /// Where it begins, counted in reading direction ([`crate::SequenceBatch::set_place`]).
    pub fn place(&self) -> i64 {
        if self.reverse { -self.end() } else { self.start }
    }

    /// Whether all that a variant replaces lies in it; of an insertion, both of its neighbours.
    pub fn holds(&self, variant: &Variant) -> bool {
        let (start, end) = (variant.start as i64, variant.end() as i64);
        let insertion = i64::from(variant.reference.is_empty());
        start - insertion >= self.start && end + insertion <= self.end()
    }

    /// The codes in it, in reading direction.
    ///
    /// # Errors
    /// A letter that is no nucleotide.
    pub fn codes(&self, stretch: &Stretch, encoding: Encoding) -> Result<Vec<Code>, EncodeError> {
        self.encode(&stretch.letters, self.start - stretch.start, encoding)
    }

    /// What a variant makes of the window, as edits of [`Window::codes`]: one if the length stays, two for an insertion or a
    /// deletion.
    ///
    /// A window has one length, so what an insertion or a deletion moves must go beyond one of its ends: to the right,
    /// where the bases before the variant stay, or to the left, where those behind it do. Scores of the two are averaged, so
    /// that the variant stays in the middle. `stretch` reaches beyond the window by the bases that are gained or lost.
    ///
    /// New bases have the case of those that they replace, or of the base before.
    ///
    /// # Errors
    /// A letter that is no nucleotide.
    pub fn edits(&self, stretch: &Stretch, variant: &Variant, encoding: Encoding) -> Result<Vec<Edit>, EncodeError> {
        let reference = self.codes(stretch, encoding)?;
        let letters = altered(stretch, variant);
        let from = self.start - stretch.start;
        let mut shifts = vec![0];
        if variant.gain() != 0 {
            shifts.push(variant.gain());
        }
        let edit = |shift| Ok(Edit::between(&reference, &self.encode(&letters, from + shift, encoding)?));
        shifts.into_iter().map(edit).collect()
    }

    /// The bases that the window holds both before and after a variant, those that it replaces left out, from left to right:
    /// of each its 0-based position on the contig, its place in [`Window::codes`], and its place in the sequence that edit
    /// number `way` of [`Window::edits`] makes of them.
    ///
    /// Positions beyond the ends of the contig count as bases.
    pub fn shared(&self, variant: &Variant, way: usize) -> impl Iterator<Item = (i64, usize, usize)> + use<> {
        let own = *self;
        let (start, end, gain) = (variant.start as i64, variant.end() as i64, variant.gain());
        let shift = if way == 0 { 0 } else { gain };
        let place = move |from_left: i64| {
            let place = usize::try_from(from_left).ok().filter(|&place| place < own.length)?;
            Some(if own.reverse { own.length - 1 - place } else { place })
        };
        let kept = (own.start..own.end()).filter(move |position| !(start..end).contains(position));
        kept.filter_map(move |position| {
            let moved = if position < start { position } else { position + gain } - shift;
            Some((position, place(position - own.start)?, place(moved - own.start)?))
        })
    }

    /// The codes of the letters from `from` on, unknown where there are none.
    fn encode(&self, letters: &[u8], from: i64, encoding: Encoding) -> Result<Vec<Code>, EncodeError> {
        let letter = |at: i64| usize::try_from(at).ok().and_then(|at| letters.get(at).copied()).unwrap_or(b'N');
        let own = from..from + self.length as i64;
        let own: Vec<u8> = if self.reverse {
            own.rev().map(|at| complement_letter(letter(at), encoding.alphabet)).collect()
        } else {
            own.map(letter).collect()
        };
        encoding.encode(&own)
    }
}

/// The letters with the variant in them.
fn altered(stretch: &Stretch, variant: &Variant) -> Vec<u8> {
    let place = |position: u64| (position as i64 - stretch.start).clamp(0, stretch.letters.len() as i64) as usize;
    let (start, end) = (place(variant.start), place(variant.end()));
    let old = &stretch.letters[start..end];
    let before = start.checked_sub(1).map(|at| stretch.letters[at]);
    let lower = |i: usize| {
        let model = old.get(i).or(old.last()).copied().or(before);
        model.is_some_and(|letter| letter.is_ascii_lowercase())
    };
    let cased = |(i, &letter): (usize, &u8)| {
        if lower(i) { letter.to_ascii_lowercase() } else { letter.to_ascii_uppercase() }
    };
    let new: Vec<u8> = variant.alternate.iter().enumerate().map(cased).collect();
    [&stretch.letters[..start], &new, &stretch.letters[end..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Alphabet, CasePolicy, SequenceBatch};

    const PLAIN: Encoding = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore };

    fn text(codes: &[Code]) -> String {
        codes.iter().map(|code| b"ACGTN"[code.base() as usize] as char).collect()
    }

    /// The window and what a variant makes of it.
    fn sequences(window: Window, contig: &str, variant: &Variant) -> Vec<String> {
        let stretch = Stretch { start: 0, letters: contig.into() };
        let mut batch = SequenceBatch::new(PLAIN, window.length);
        batch.push_codes(&window.codes(&stretch, PLAIN).unwrap());
        let mut edited = batch.emptied();
        edited.push_row(&batch, 0);
        window.edits(&stretch, variant, PLAIN).unwrap().iter().for_each(|edit| edit.push(&batch, 0, &mut edited));
        (0..edited.len()).map(|i| text(edited.sequence(i))).collect()
    }

    #[test]
    fn a_substitution_stands_in_the_middle_of_its_window() {
        let variant = Variant::new(5, b"C", b"T");
        let window = Window::centred(Window::middle(&variant), 4, Strand::Forward);
        assert_eq!((window.start, window.end()), (3, 7));
        assert_eq!(sequences(window, "AAAAACGGGG", &variant), ["AACG", "AATG"]);
        let reverse = Window { reverse: true, ..window };
        assert_eq!(sequences(reverse, "AAAAACGGGG", &variant), ["CGTT", "CATT"]);
    }

    #[test]
    fn an_indel_moves_one_side_and_then_the_other() {
        let window = Window { start: 2, length: 6, reverse: false };
        let contig = "ACGTACGTACGT";
        // GTACGT with TAC (3 to 5) in it.
        let insertion = Variant::new(5, b"", b"GG");
        assert_eq!(sequences(window, contig, &insertion), ["GTACGT", "GTAGGC", "AGGCGT"]);
        let deletion = Variant::new(4, b"AC", b"");
        assert_eq!(sequences(window, contig, &deletion), ["GTACGT", "GTGTAC", "ACGTGT"]);
        let reverse = Window { reverse: true, ..window };
        assert_eq!(sequences(reverse, contig, &deletion), ["ACGTAC", "GTACAC", "ACACGT"]);
    }

    #[test]
    fn beyond_the_ends_of_a_contig_bases_are_unknown() {
        let first = Variant::new(0, b"A", b"C");
        assert_eq!(sequences(Window::centred(0, 4, Strand::Forward), "ACG", &first), ["NNAC", "NNCC"]);
        let last = Variant::new(2, b"G", b"");
        assert_eq!(sequences(Window::centred(2, 4, Strand::Forward), "ACG", &last), ["ACGN", "ACNN", "NACN"]);
    }

    #[test]
    fn a_window_holds_what_lies_in_it_with_the_neighbours_of_an_insertion() {
        let window = Window { start: 2, length: 4, reverse: false };
        let holds = |start, reference: &[u8]| window.holds(&Variant::new(start, reference, b"T"));
        assert_eq!([holds(2, b"A"), holds(5, b"A"), holds(6, b"A"), holds(1, b"A")], [true, true, false, false]);
        assert_eq!([holds(2, b""), holds(3, b""), holds(5, b""), holds(6, b"")], [false, true, true, false]);
        assert_eq!([holds(2, b"AAAA"), holds(2, b"AAAAA")], [true, false]);
    }

    #[test]
    fn new_bases_have_the_case_of_old_ones() {
        let mask = Encoding { case: CasePolicy::MaskLower, ..PLAIN };
        let stretch = Stretch { start: 10, letters: b"ACgtA".to_vec() };
        let window = Window { start: 10, length: 5, reverse: false };
        let hidden = window.edits(&stretch, &Variant::new(12, b"G", b"C"), mask).unwrap();
        assert!(hidden[0].codes.is_empty());
        let seen = window.edits(&stretch, &Variant::new(11, b"C", b"G"), mask).unwrap();
        assert_eq!((seen[0].start, text(&seen[0].codes)), (1, "G".into()));
        // An insertion behind a lower-case base is hidden too, and moves what follows.
        let inserted = window.edits(&stretch, &Variant::new(14, b"", b"CC"), mask).unwrap();
        assert_eq!((inserted[0].start, text(&inserted[0].codes)), (4, "N".into()));
    }
}
