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
    rows: Vec<(f32, [String; 4])>,
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
                let (chrom, position) = (record.chrom().to_owned(), record.position().to_string());
                self.rows.push((score, [chrom, position, shown(record.reference()), shown(allele)]));
            }
        }
        if self.rows.len() > 2 * self.number + 1024 {
            self.cut();
        }
    }

    /// Keeps the largest; of equal ones, those that came first.
    fn cut(&mut self) {
        self.rows.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        self.rows.truncate(self.number);
    }

    /// The ranking as a table, with the score under its field's name; nothing if none was asked for.
    pub(super) fn table(mut self, score: &str) -> Option<String> {
        self.cut();
        if self.rows.is_empty() {
            return None;
        }
        let mut table = Table::new(&["chrom", "pos", "ref", "alt", score]);
        for (value, cells) in self.rows {
            table.row(cells.into_iter().chain([format!("{value:.4}")]));
        }
        Some(table.render())
    }
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
            top.table("S").unwrap(),
            "chrom   pos  ref  alt        S\nc      2000  A    C    -9.0000\nc      2999  A    C     2.9990\n"
        );
        assert_eq!(shown(&[b'G'; 30]), format!("{}...", "G".repeat(20)));
        assert!(Top::new(0, 1).table("S").is_none());
    }
}
