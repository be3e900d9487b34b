//! The variants with the largest effects, kept while all go by.

use crate::table::Table;
use basewise_io::variants::{Record, Value};

/// Letters of an allele that a table has room for.
const SHOWN: usize = 20;

/// The alleles whose main score is farthest from 0.
pub(super) struct Top {
    number: usize,
    /// Which of an allele's values ranks it.
    field: usize,
    rows: Vec<Ranked>,
}

/// An allele with its main score.
#[derive(Clone, Debug)]
pub(super) struct Ranked {
    pub(super) score: f32,
    pub(super) chrom: String,
    pub(super) position: u64,
    pub(super) reference: Vec<u8>,
    pub(super) alternate: Vec<u8>,
}

impl Ranked {
    /// As `variants plot --variant` takes it.
    pub(super) fn name(&self) -> String {
        let [reference, alternate] = [&self.reference, &self.alternate].map(|bases| String::from_utf8_lossy(bases));
        format!("{}:{}:{reference}:{alternate}", self.chrom, self.position)
    }

    /// Cells of a table: contig, position, both alleles.
    pub(super) fn cells(&self) -> [String; 4] {
        [self.chrom.clone(), self.position.to_string(), shown(&self.reference), shown(&self.alternate)]
    }
}

impl Top {
    pub(super) fn new(number: usize, field: usize) -> Self {
        Self { number, field, rows: Vec::new() }
    }

    /// Takes the alleles of a record.
    pub(super) fn add(&mut self, record: &Record, values: &[Vec<Value>]) {
        if self.number == 0 {
            return;
        }
        for (allele, row) in record.alternates().zip(values) {
            if let Some(&Value::Number(score)) = row.get(self.field)
                && score.is_finite()
            {
                self.rows.push(Ranked {
                    score,
                    chrom: record.chrom().to_owned(),
                    position: record.position(),
                    reference: record.reference().to_vec(),
                    alternate: allele.to_vec(),
                });
            }
        }
        if self.rows.len() > 2 * self.number + 1024 {
            self.cut();
        }
    }

    /// Keeps the largest; of equal ones, those that came first.
    fn cut(&mut self) {
        self.rows.sort_by(|a, b| b.score.abs().total_cmp(&a.score.abs()));
        self.rows.truncate(self.number);
    }

    /// The alleles, those of the largest effects first.
    pub(super) fn ranked(mut self) -> Vec<Ranked> {
        self.cut();
        self.rows
    }
}

/// A ranking as a table, with the score under its field's name; nothing for none.
pub(super) fn table(ranked: &[Ranked], score: &str) -> Option<String> {
    if ranked.is_empty() {
        return None;
    }
    let mut table = Table::new(&["chrom", "pos", "ref", "alt", score]);
    for allele in ranked {
        table.row(allele.cells().into_iter().chain([format!("{:.4}", allele.score)]));
    }
    Some(table.render())
}

fn shown(allele: &[u8]) -> String {
    let text = String::from_utf8_lossy(&allele[..allele.len().min(SHOWN)]).into_owned();
    if allele.len() > SHOWN { format!("{text}...") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_largest_effects_are_ranked_whatever_their_sign() {
        let record = |position: usize| {
            let line = format!("c\t{position}\t.\tA\tC,{}\t.\t.\t.", "G".repeat(30));
            Record::parse(line.into_bytes(), Path::new("v"), 1).unwrap()
        };
        let mut top = Top::new(2, 1);
        for position in 1..3000 {
            let score = if position == 2000 { -9.0 } else { position as f32 / 1000.0 };
            let row = |score| vec![Value::Missing, score];
            top.add(&record(position), &[row(Value::Number(score)), row(Value::Missing)]);
        }
        assert_eq!(
            table(&top.ranked(), "S").unwrap(),
            "chrom   pos  ref  alt        S\nc      2000  A    C    -9.0000\nc      2999  A    C     2.9990\n"
        );
        assert_eq!(shown(&[b'G'; 30]), format!("{}...", "G".repeat(20)));
        assert!(table(&Top::new(0, 1).ranked(), "S").is_none());
    }
}
