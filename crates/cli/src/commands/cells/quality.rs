//! How much was measured of each cell: counts, genes, and the share of mitochondrial genes.

use basewise_io::cells::{CellMatrix, Column};
use basewise_io::{Error, Result};

/// Of each cell, and of each gene.
pub(crate) struct Quality {
    /// Sum of a cell's values.
    pub(crate) totals: Vec<f64>,
    /// Genes of a cell that are not 0.
    pub(crate) genes: Vec<usize>,
    /// Share of a cell's sum in mitochondrial genes (0 to 1; 0 for an empty cell); `None` if no gene has such a name.
    pub(crate) mitochondrial: Option<Vec<f64>>,
    /// Cells of a gene in which it is not 0.
    pub(crate) cells: Vec<usize>,
}

/// Whether a symbol is that of a gene of the mitochondrial genome, in human and mouse: `MT-CO1`, `mt-Co1`.
fn is_mitochondrial(gene: &str) -> bool {
    gene.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("mt-"))
}

impl Quality {
    pub(crate) fn of(matrix: &CellMatrix) -> Result<Self> {
        let named: Vec<bool> = matrix.genes.ids.iter().map(|gene| is_mitochondrial(gene)).collect();
        let mut cells = vec![0; matrix.counts.columns];
        let (mut totals, mut genes, mut mitochondrial) = (Vec::new(), Vec::new(), Vec::new());
        matrix.counts.each(|_, block| {
            for i in 0..block.rows {
                let (columns, values) = block.row(i);
                let total: f64 = values.iter().map(|&value| f64::from(value)).sum();
                let own = columns.iter().zip(values).filter(|(column, _)| named[**column as usize]);
                let own: f64 = own.map(|(_, &value)| f64::from(value)).sum();
                columns.iter().for_each(|&column| cells[column as usize] += 1);
                totals.push(total);
                genes.push(columns.len());
                mitochondrial.push(if total > 0.0 { own / total } else { 0.0 });
            }
            Ok::<(), Error>(())
        })?;
        Ok(Self { totals, genes, mitochondrial: named.contains(&true).then_some(mitochondrial), cells })
    }

    /// The same as columns of cells, under scanpy's names (the share in percent).
    pub(crate) fn columns(&self) -> Vec<(String, Column)> {
        let genes = self.genes.iter().map(|&n| Some(n as i64)).collect();
        let mut columns = vec![
            ("n_genes_by_counts".to_owned(), Column::Whole(genes)),
            ("total_counts".to_owned(), Column::Number(self.totals.clone())),
        ];
        if let Some(shares) = &self.mitochondrial {
            let percent = shares.iter().map(|share| 100.0 * share).collect();
            columns.push(("pct_counts_mt".to_owned(), Column::Number(percent)));
        }
        columns
    }
}

/// The values at shares `at` of the way from the smallest to the largest; the lower one between two.
pub(crate) fn quantiles(values: &[f64], at: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    at.iter().map(|share| sorted.get((share * last as f64) as usize).copied().unwrap_or(f64::NAN)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mitochondrial_genes_are_told_by_their_symbol() {
        assert!(is_mitochondrial("MT-CO1") && is_mitochondrial("mt-Nd1"));
        assert!(!is_mitochondrial("MTOR") && !is_mitochondrial("MT") && !is_mitochondrial("é-x"));
    }

    #[test]
    fn quantiles_of_one_and_of_several() {
        assert_eq!(quantiles(&[3.0], &[0.0, 0.5, 1.0]), [3.0, 3.0, 3.0]);
        assert_eq!(quantiles(&[4.0, 1.0, 3.0, 2.0, 5.0], &[0.0, 0.25, 0.5, 1.0]), [1.0, 2.0, 3.0, 5.0]);
    }
}
