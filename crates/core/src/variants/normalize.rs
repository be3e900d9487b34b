//! Alleles: whether they agree with the genome, and the one way to write each.

/// A change of a contig: the bases from `start` on that read `reference` become `alternate`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Variant {
    /// First base that is replaced, 0-based; of an insertion, the base before which it goes.
    pub start: u64,
    /// What is replaced, upper case; empty for an insertion.
    pub reference: Vec<u8>,
    /// What comes instead, upper case; empty for a deletion.
    pub alternate: Vec<u8>,
}

impl Variant {
    /// A variant as it was written; letters become upper case, `U` becomes `T`.
    pub fn new(start: u64, reference: &[u8], alternate: &[u8]) -> Self {
        let upper = |letters: &[u8]| letters.iter().map(|&letter| upper(letter)).collect();
        Self { start, reference: upper(reference), alternate: upper(alternate) }
    }

    /// One past the last base that is replaced.
    pub fn end(&self) -> u64 {
        self.start + self.reference.len() as u64
    }

    /// Bases that the contig gains; negative if it loses some.
    pub fn gain(&self) -> i64 {
        self.alternate.len() as i64 - self.reference.len() as i64
    }

    /// The same change without bases that both alleles share at their ends, as far to the left as it goes (Tan et al.
    /// 2015, without the base that VCF keeps before an insertion or a deletion).
    ///
    /// `base` gives the base of the contig at a 0-based position; it is asked only left of the variant.
    ///
    /// # Errors
    /// What `base` reports.
    pub fn normalized<E>(&self, mut base: impl FnMut(u64) -> Result<u8, E>) -> Result<Self, E> {
        let mut own = self.clone();
        own.trim();
        // Only a pure insertion or deletion can be written at several places: what it begins after moves to its end.
        while own.start > 0 && own.reference.is_empty() != own.alternate.is_empty() {
            let before = upper(base(own.start - 1)?);
            let allele = if own.reference.is_empty() { &mut own.alternate } else { &mut own.reference };
            if allele.last() != Some(&before) || !is_base(before) {
                break;
            }
            allele.rotate_right(1);
            own.start -= 1;
        }
        Ok(own)
    }

    /// Takes off what both alleles end with, then what both begin with.
    fn trim(&mut self) {
        let tail = self.reference.iter().rev().zip(self.alternate.iter().rev()).take_while(|(a, b)| a == b).count();
        self.reference.truncate(self.reference.len() - tail);
        self.alternate.truncate(self.alternate.len() - tail);
        let head = self.reference.iter().zip(&self.alternate).take_while(|(a, b)| a == b).count();
        self.reference.drain(..head);
        self.alternate.drain(..head);
        self.start += head as u64;
    }
}

/// Whether a reference allele is what the genome has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// Every letter can be the genome's.
    Same,
    /// The genome has an unknown base there, and all known ones agree.
    Unknown,
    /// At least one letter is another.
    Different,
}

/// Compares a reference allele with the genome's bases at its place.
///
/// Case does not matter, `U` is `T`, and an IUPAC letter of either side agrees with the bases that it stands for: files
/// replace the genome's by one of them, or keep it. Alleles of different lengths differ: the contig ends before.
pub fn compare(reference: &[u8], genome: &[u8]) -> Agreement {
    if reference.len() != genome.len() {
        return Agreement::Different;
    }
    if reference.iter().zip(genome).any(|(&a, &b)| bases(a) & bases(b) == 0) {
        return Agreement::Different;
    }
    if genome.iter().all(|&letter| is_base(upper(letter))) { Agreement::Same } else { Agreement::Unknown }
}

/// Whether all of `allele` are letters of sequences, those of IUPAC among them.
pub fn is_sequence(allele: &[u8]) -> bool {
    allele.iter().all(|&letter| bases(letter) != 0)
}

fn upper(letter: u8) -> u8 {
    match letter.to_ascii_uppercase() {
        b'U' => b'T',
        other => other,
    }
}

/// Whether a letter (upper case) is one of the four bases.
fn is_base(letter: u8) -> bool {
    matches!(letter, b'A' | b'C' | b'G' | b'T')
}

/// The bases that a letter stands for, as bits: A 1, C 2, G 4, T 8; none for what is no IUPAC letter.
fn bases(letter: u8) -> u8 {
    match upper(letter) {
        b'A' => 1,
        b'C' => 2,
        b'M' => 3,
        b'G' => 4,
        b'R' => 5,
        b'S' => 6,
        b'V' => 7,
        b'T' => 8,
        b'W' => 9,
        b'Y' => 10,
        b'H' => 11,
        b'K' => 12,
        b'D' => 13,
        b'B' => 14,
        b'N' => 15,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normal(contig: &str, start: u64, reference: &str, alternate: &str) -> (u64, String, String) {
        let variant = Variant::new(start, reference.as_bytes(), alternate.as_bytes());
        let own = variant.normalized(|at| Ok::<u8, ()>(contig.as_bytes()[at as usize])).unwrap();
        let text = |letters: Vec<u8>| String::from_utf8(letters).unwrap();
        (own.start, text(own.reference), text(own.alternate))
    }

    #[test]
    fn shared_bases_go_and_indels_move_left() {
        let is = |start, a: &str, b: &str| (start, a.to_owned(), b.to_owned());
        // Substitutions stay where they are.
        assert_eq!(normal("GGGCACACACAGGG", 3, "C", "T"), is(3, "C", "T"));
        assert_eq!(normal("GGGCACACACAGGG", 3, "CA", "CG"), is(4, "A", "G"));
        // The example of Tan et al.: a deletion of CA in GGGCACACACAGGG, written at its right end.
        assert_eq!(normal("GGGCACACACAGGG", 9, "CAG", "G"), is(3, "CA", ""));
        assert_eq!(normal("GGGCACACACAGGG", 2, "GCA", "G"), is(3, "CA", ""));
        // An insertion at the right end of the repeat.
        assert_eq!(normal("GGGCACACACAGGG", 10, "A", "ACA"), is(3, "", "CA"));
        // The first base of the contig.
        assert_eq!(normal("AAAT", 2, "AT", "T"), is(0, "A", ""));
        assert_eq!(normal("AAAT", 0, "A", "AA"), is(0, "", "A"));
        // Equal alleles are no change.
        assert_eq!(normal("ACGT", 1, "CG", "cg"), is(1, "", ""));
        // Unknown bases are not moved over.
        assert_eq!(normal("CNNA", 3, "", "N"), is(3, "", "N"));
    }

    #[test]
    fn letters_agree_if_a_base_is_in_both() {
        for (reference, genome, expected) in [
            ("ACGT", "acgt", Agreement::Same),
            ("acgu", "ACGT", Agreement::Same),
            ("R", "A", Agreement::Same),
            ("R", "C", Agreement::Different),
            ("A", "R", Agreement::Unknown),
            ("A", "N", Agreement::Unknown),
            ("AC", "NG", Agreement::Different),
            ("AC", "A", Agreement::Different),
            ("*", "A", Agreement::Different),
            ("", "", Agreement::Same),
        ] {
            assert_eq!(compare(reference.as_bytes(), genome.as_bytes()), expected, "{reference} {genome}");
        }
    }

    fn applied(contig: &[u8], variant: &Variant) -> Vec<u8> {
        let (start, end) = (variant.start as usize, variant.end() as usize);
        [&contig[..start], &variant.alternate, &contig[end..]].concat()
    }

    proptest! {
        #[test]
        fn the_normal_form_is_the_same_change_and_the_same_for_all_ways_to_write_it(
            contig in "[AC]{12,30}", start in 0usize..12, length in 0usize..4, alternate in "[AC]{0,4}",
        ) {
            let contig = contig.into_bytes();
            let end = (start + length).min(contig.len());
            let variant = Variant::new(start as u64, &contig[start..end], alternate.as_bytes());
            let base = |at: u64| Ok::<u8, ()>(contig[at as usize]);
            let normal = variant.normalized(base).unwrap();
            let changed = applied(&contig, &variant);
            prop_assert_eq!(&applied(&contig, &normal), &changed);
            prop_assert_eq!(&normal.normalized(base).unwrap(), &normal);
            // Written as the whole contig, it comes to the same.
            let whole = Variant::new(0, &contig, &changed).normalized(base).unwrap();
            if normal.reference.is_empty() != normal.alternate.is_empty() {
                prop_assert_eq!(whole, normal);
            }
        }
    }
}
