//! What became of an allele, in one word that goes into the output and into the closing account.

use crate::table::count;
use basewise_core::variants::Agreement;
use basewise_io::variants::Value;
use std::collections::BTreeMap;

/// What became of an allele.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Scored,
    ScoredAtEnd,
    AgainstGenome,
    Swapped,
    Mismatch,
    UnknownBase,
    NoChange,
    TooLong,
    BeyondContig,
    UnknownContig,
    OutsideRegions,
    Symbolic,
    Star,
    Breakend,
}

impl Status {
    const ALL: [Self; 14] = [
        Self::Scored,
        Self::ScoredAtEnd,
        Self::AgainstGenome,
        Self::Swapped,
        Self::Mismatch,
        Self::UnknownBase,
        Self::NoChange,
        Self::TooLong,
        Self::BeyondContig,
        Self::UnknownContig,
        Self::OutsideRegions,
        Self::Symbolic,
        Self::Star,
        Self::Breakend,
    ];

    /// The word in the output.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::ScoredAtEnd => "scored_at_end",
            Self::AgainstGenome => "scored_against_genome",
            Self::Swapped => "scored_swapped",
            Self::Mismatch => "ref_mismatch",
            Self::UnknownBase => "unknown_base",
            Self::NoChange => "no_change",
            Self::TooLong => "too_long",
            Self::BeyondContig => "beyond_contig",
            Self::UnknownContig => "unknown_contig",
            Self::OutsideRegions => "outside_regions",
            Self::Symbolic => "symbolic",
            Self::Star => "star",
            Self::Breakend => "breakend",
        }
    }

    /// What the word means, for the account.
    fn meaning(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::ScoredAtEnd => "scored with a window beyond the contig's end",
            Self::AgainstGenome => "scored against the genome's base instead of REF",
            Self::Swapped => "scored with REF and ALT swapped",
            Self::Mismatch => "REF is not the genome's",
            Self::UnknownBase => "an unknown base in REF or ALT",
            Self::NoChange => "ALT is REF",
            Self::TooLong => "longer than the model's window",
            Self::BeyondContig => "beyond the contig's end",
            Self::UnknownContig => "on a contig that the genome lacks",
            Self::OutsideRegions => "outside the regions",
            Self::Symbolic => "symbolic",
            Self::Star => "deleted already (*)",
            Self::Breakend => "breakend",
        }
    }

    pub(super) fn is_scored(self) -> bool {
        matches!(self, Self::Scored | Self::ScoredAtEnd | Self::AgainstGenome | Self::Swapped)
    }

    /// What the text of an allele rules out before any genome is looked at.
    pub(super) fn of_text(allele: &[u8]) -> Option<Self> {
        match allele {
            b"*" | b"<*>" => Some(Self::Star),
            [b'<', ..] | b"." => Some(Self::Symbolic),
            _ if allele.iter().any(|byte| matches!(byte, b'[' | b']' | b'.')) => Some(Self::Breakend),
            _ if allele.iter().all(|byte| b"ACGTUacgtu".contains(byte)) => None,
            _ => Some(Self::UnknownBase),
        }
    }

    /// What the comparison of REF with the genome rules out, whatever the policy.
    pub(super) fn of_agreement(agreement: Agreement) -> Option<Self> {
        (agreement == Agreement::Unknown).then_some(Self::UnknownBase)
    }

    fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// The words, for the description of the field.
    pub(super) fn glossary() -> String {
        let entry = |status: Self| format!("{}: {}", status.word(), status.meaning());
        Self::ALL.map(entry).join("; ")
    }
}

/// The closing account: how many records and alleles came, and what became of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Account {
    pub(super) records: usize,
    pub(super) alleles: usize,
    /// Records by the word of what became of them: scored, if any of their alleles was; else that of the first.
    by_record: BTreeMap<String, usize>,
    by_allele: BTreeMap<String, usize>,
}

/// The word of a record without any allele to score.
const NO_ALLELE: &str = "no_allele";

impl Account {
    /// Counts a record by the values of its alleles, of which the first is the word.
    pub(super) fn add(&mut self, values: &[Vec<Value>]) {
        let words = || {
            values.iter().filter_map(|row| match row.first() {
                Some(Value::Text(word)) => Status::of_word(word),
                _ => None,
            })
        };
        self.records += 1;
        let of_record = words().find(|status| status.is_scored()).or_else(|| words().next());
        *self.by_record.entry(of_record.map_or(NO_ALLELE, Status::word).to_owned()).or_default() += 1;
        for status in words() {
            self.alleles += 1;
            *self.by_allele.entry(status.word().to_owned()).or_default() += 1;
        }
    }

    /// Adds another account.
    pub(super) fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.alleles += other.alleles;
        for (own, others) in [(&mut self.by_record, &other.by_record), (&mut self.by_allele, &other.by_allele)] {
            others.iter().for_each(|(word, n)| *own.entry(word.clone()).or_default() += n);
        }
    }

    /// Alleles with a score.
    pub(super) fn scored(&self) -> usize {
        Status::ALL.iter().filter(|s| s.is_scored()).filter_map(|s| self.by_allele.get(s.word())).sum()
    }

    /// `10 records in = 9 scored + 1 symbolic; 12 alleles in = ...`.
    pub(super) fn text(&self) -> String {
        let sum = |what: &str, total: usize, by: &BTreeMap<String, usize>| {
            let parts: Vec<String> = Status::ALL
                .iter()
                .map(|status| (status.word(), status.meaning()))
                .chain([(NO_ALLELE, "without an ALT")])
                .filter_map(|(word, meaning)| by.get(word).map(|&n| format!("{} {meaning}", count(n))))
                .collect();
            let parts = if parts.is_empty() { "0 scored".to_owned() } else { parts.join(" + ") };
            format!("{} {what} in = {parts}", count(total))
        };
        let records = sum("records", self.records, &self.by_record);
        if self.by_record == self.by_allele {
            return records;
        }
        format!("{records}; {}", sum("alleles", self.alleles, &self.by_allele))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_another_and_finds_its_status() {
        for status in Status::ALL {
            assert_eq!(Status::of_word(status.word()), Some(status));
        }
    }

    #[test]
    fn the_text_of_an_allele_rules_out_what_is_no_sequence() {
        let status = |allele: &str| Status::of_text(allele.as_bytes());
        assert_eq!([status("A"), status("acgtu"), status("AC")], [None; 3]);
        assert_eq!(
            [status("*"), status("<DEL>"), status("."), status("N")].map(|s| s.unwrap().word()),
            ["star", "symbolic", "symbolic", "unknown_base"]
        );
        assert_eq!([status("G]17:1]"), status("[1:2[A"), status(".A")].map(|s| s.unwrap().word()), ["breakend"; 3]);
    }

    #[test]
    fn an_account_adds_up() {
        let row = |status: Status| vec![Value::Text(status.word().into()), Value::Missing];
        let mut account = Account::default();
        assert_eq!(account.text(), "0 records in = 0 scored");
        account.add(&[row(Status::Star), row(Status::Scored)]);
        account.add(&[row(Status::Symbolic)]);
        account.add(&[]);
        let mut twice = account.clone();
        twice.merge(&account);
        assert_eq!((twice.records, twice.alleles, twice.scored()), (6, 6, 2));
        assert_eq!(
            account.text(),
            "3 records in = 1 scored + 1 symbolic + 1 without an ALT; 3 alleles in = 1 scored + 1 symbolic + 1 deleted already (*)"
        );
    }
}
