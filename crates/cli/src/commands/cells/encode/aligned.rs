//! Genes of a matrix put where a model has them.

use crate::failure::user;
use crate::table::count;
use anyhow::Result;
use basewise_core::sparse::Csr;
use basewise_io::cells::CellMatrix;
use std::collections::HashMap;

/// Names that a message gives.
const NAMED: usize = 5;

/// Cells by the genes of a model.
#[derive(Debug)]
pub(super) struct Aligned {
    pub(super) values: Csr,
    /// Genes of the model that the matrix does not have, which count as 0.
    pub(super) missing: Vec<String>,
}

impl Aligned {
    /// Finds genes by name. At least half of them have to be there.
    pub(super) fn of(matrix: &CellMatrix, genes: &[String]) -> Result<Self> {
        let place: HashMap<&str, u32> = genes.iter().map(String::as_str).zip(0..).collect();
        let to: Vec<Option<u32>> = matrix.genes.ids.iter().map(|gene| place.get(gene.as_str()).copied()).collect();
        let mut seen = vec![false; genes.len()];
        to.iter().flatten().for_each(|&gene| seen[gene as usize] = true);
        let missing: Vec<String> =
            genes.iter().zip(&seen).filter(|(_, seen)| !**seen).map(|(gene, _)| gene.clone()).collect();
        if 2 * missing.len() > genes.len() {
            return Err(unlike(matrix, genes, missing.len()));
        }
        let mut values = Csr::without_rows(genes.len());
        matrix.counts.each(|_, block| -> Result<()> {
            values.append(&put(block, &to, genes.len()));
            Ok(())
        })?;
        Ok(Self { values, missing })
    }

    /// What was found, in a sentence.
    pub(super) fn account(&self, genes: &[String]) -> String {
        let found = genes.len() - self.missing.len();
        let mut text = format!("{} of {} genes of the model found", count(found), count(genes.len()));
        if !self.missing.is_empty() {
            let names: Vec<&str> = self.missing.iter().take(NAMED).map(String::as_str).collect();
            let more = if self.missing.len() > NAMED { ", ..." } else { "" };
            text += &format!("; {} are missing and count as 0: {}{more}", count(self.missing.len()), names.join(", "));
        }
        text
    }
}

fn unlike(matrix: &CellMatrix, genes: &[String], missing: usize) -> anyhow::Error {
    let some = |names: &[String]| names.iter().take(3).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    user(
        format!(
            "expected genes of the model, such as {}, found {} of {}; genes of the matrix are such as {}",
            some(genes),
            count(genes.len() - missing),
            count(genes.len()),
            some(&matrix.genes.ids)
        ),
        Some(
            "are genes named by symbols in the one and by identifiers in the other, or is the matrix another species'?",
        ),
    )
}

/// Columns of `from` at `to` among `columns`; those that go nowhere are left out.
fn put(from: &Csr, to: &[Option<u32>], columns: usize) -> Csr {
    let mut out = Csr { rows: from.rows, columns, starts: vec![0], ..Csr::default() };
    let mut row: Vec<(u32, f32)> = Vec::new();
    for i in 0..from.rows {
        let (indices, values) = from.row(i);
        row.clear();
        row.extend(indices.iter().zip(values).filter_map(|(&own, &value)| Some((to[own as usize]?, value))));
        row.sort_unstable_by_key(|&(column, _)| column);
        out.indices.extend(row.iter().map(|&(column, _)| column));
        out.values.extend(row.iter().map(|&(_, value)| value));
        out.starts.push(out.values.len());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_put_in_order_and_left_out() {
        let from = Csr::new(3, vec![0, 3, 3, 4], vec![0, 1, 2, 1], vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let found = put(&from, &[Some(3), None, Some(0)], 4);
        assert_eq!(found.to_dense().row(0), [3.0, 0.0, 0.0, 1.0]);
        assert_eq!((found.rows, found.row(0).0), (3, &[0, 3][..]));
        assert!(found.row(1).0.is_empty() && found.row(2).0.is_empty());
    }
}
