//! Values of single genes, for maps that are coloured by them.

use super::pipeline::Prepared;
use crate::failure::user;
use crate::report::cells::Dots;
use anyhow::Result;
use basewise_io::cells::CellMatrix;

/// Steps of colour between the least and the most.
const STEPS: usize = 8;
/// Share of the highest values that have the last colour alike, so that a few cells do not take all shades.
const TOP: f64 = 0.99;

/// A map for each of these genes, coloured by its transformed values.
///
/// # Errors
/// A gene that is not among those that were kept; the message has the nearest.
pub(crate) fn read(genes: &[String], used: &CellMatrix, prepared: &Prepared) -> Result<Vec<Dots>> {
    if genes.is_empty() {
        return Ok(Vec::new());
    }
    let places = genes.iter().map(|gene| place(gene, &used.genes.ids)).collect::<Result<Vec<usize>>>()?;
    let mut wanted = vec![false; used.genes.ids.len()];
    places.iter().for_each(|&at| wanted[at] = true);
    let by_gene = prepared.values.columns_of(&wanted)?.transposed();
    let one = |(gene, &at): (&String, &usize)| {
        let mut values = vec![0.0; used.counts.rows];
        let (cells, own) = by_gene.row(wanted[..at].iter().filter(|wanted| **wanted).count());
        cells.iter().zip(own).for_each(|(&cell, &value)| values[cell as usize] = value);
        shades(gene, &values)
    };
    Ok(genes.iter().zip(&places).map(one).collect())
}

/// The place of a gene among those that were kept.
fn place(gene: &str, kept: &[String]) -> Result<usize> {
    if let Some(at) = kept.iter().position(|own| own == gene) {
        return Ok(at);
    }
    let names: Vec<&str> = kept.iter().map(String::as_str).collect();
    let same = names.iter().find(|name| name.eq_ignore_ascii_case(gene)).map(|name| (*name).to_owned());
    let near = same.or_else(|| basewise_nn::nearest(gene, &names));
    let near = near.map(|near| format!("did you mean {near:?}?"));
    Err(user(format!("--color: expected a gene that was kept, found {gene:?}"), near.as_deref()))
}

/// Cells in steps of equal width from the least to nearly the most value.
fn shades(gene: &str, values: &[f32]) -> Dots {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let least = sorted.first().copied().unwrap_or(0.0);
    let most = sorted.last().copied().unwrap_or(0.0);
    let high = sorted.get((TOP * (sorted.len().max(1) - 1) as f64) as usize).copied().unwrap_or(0.0);
    // Where hardly any cell has the gene, those few are what is to be seen.
    let high = if high > least { high } else { most };
    let width = (high - least) / STEPS as f32;
    let step = |value: &f32| if width > 0.0 { (((value - least) / width) as usize).min(STEPS - 1) as u32 } else { 0 };
    let steps = if width > 0.0 { STEPS } else { 1 };
    let name = |step: usize| {
        let from = least + width * step as f32;
        format!("{from:.2}{}", if steps > 1 && step + 1 == steps { "+" } else { "" })
    };
    Dots {
        name: gene.to_owned(),
        groups: (0..steps).map(name).collect(),
        codes: values.iter().map(|value| Some(step(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_steps() {
        let values: Vec<f32> = (0..=80).map(|i| i as f32 / 10.0).chain([100.0]).collect();
        let dots = shades("g", &values);
        assert_eq!((dots.groups.len(), dots.groups[0].as_str()), (8, "0.00"));
        assert_eq!(dots.groups[7], "7.00+");
        assert_eq!((dots.codes[0], dots.codes[81]), (Some(0), Some(7)));
        assert!(dots.codes[..=80].is_sorted());
    }

    #[test]
    fn few_cells_with_a_gene_stand_out_and_none_is_one_step() {
        let mut values = vec![0.0; 500];
        values[3] = 2.0;
        let dots = shades("g", &values);
        assert_eq!((dots.codes[3], dots.codes[4]), (Some(7), Some(0)));
        assert_eq!(shades("g", &[0.0; 4]).groups, ["0.00"]);
        assert_eq!(shades("g", &[]).groups.len(), 1);
    }
}
