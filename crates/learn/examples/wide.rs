//! Time and peak memory of fits on many wide sparse rows: `wide ROWS COLUMNS NONZERO MODEL`, where MODEL is `l2`, `l1`,
//! `boosting`, `forest` or `tree`. Values are counts from a fixed seed; 20 columns decide the label.
#![allow(clippy::print_stdout, reason = "an example prints")]

use basewise_core::random::{below, stream};
use basewise_learn::Features;
use basewise_learn::linear::{Family, FitOptions, Penalty, Target, fit};
use basewise_learn::tree::{BoostingOptions, Criterion, Examples, ForestOptions, Loss, TreeOptions};
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [rows, columns, nonzero, model] = words.as_slice() else {
        return Err("expected ROWS COLUMNS NONZERO MODEL".into());
    };
    let (rows, columns, nonzero): (usize, usize, usize) = (rows.parse()?, columns.parse()?, nonzero.parse()?);
    let (features, labels) = made(rows, columns, nonzero)?;
    let before = peak();
    let begun = Instant::now();
    let auroc = fitted(model, &features, &labels)?;
    println!(
        "{{\"model\": \"{model}\", \"rows\": {rows}, \"columns\": {columns}, \"nonzero\": {nonzero}, \"seconds\": {:.1}, \
         \"training_auroc\": {auroc:.4}, \"features_mb\": {}, \"peak_before_mb\": {before}, \"peak_mb\": {}}}",
        begun.elapsed().as_secs_f64(),
        features.bytes() >> 20,
        peak()
    );
    Ok(())
}

/// Counts of 1 to 3 in `nonzero` random columns a row; a row is positive if the first 20 columns have more than usual.
fn made(rows: usize, columns: usize, nonzero: usize) -> Result<(Features, Vec<f64>), Box<dyn Error>> {
    let mut rng = stream(1, "wide", &[]);
    let (mut starts, mut places, mut values) = (vec![0], Vec::new(), Vec::new());
    let mut labels = Vec::with_capacity(rows);
    for _ in 0..rows {
        let mut own: Vec<u32> = (0..nonzero).map(|_| below(&mut rng, columns) as u32).collect();
        own.sort_unstable();
        own.dedup();
        let decisive = own.iter().filter(|&&column| column < 20).count();
        let noise = below(&mut rng, 4) == 0;
        labels.push(f64::from(u8::from((decisive > 0) != noise)));
        values.extend(own.iter().map(|_| (1 + below(&mut rng, 3)) as f32));
        places.extend(own);
        starts.push(places.len());
    }
    let names = (0..columns).map(|column| format!("f{column}")).collect();
    Ok((Features::sparse(names, starts, places, values)?, labels))
}

/// AUROC on the training rows.
fn fitted(model: &str, features: &Features, labels: &[f64]) -> Result<f64, Box<dyn Error>> {
    let target = Target { family: Family::Logistic, labels, weights: None };
    let examples = Examples { features, labels, weights: None };
    let penalty = |l1_ratio| Penalty { lambda: 1e-4, l1_ratio };
    let criterion = Criterion::Gini { classes: 2 };
    let scores: Vec<f64> = match model {
        "l2" => fit(features, &target, penalty(0.0), &FitOptions::default())?.scores(features)?,
        "l1" => fit(features, &target, penalty(1.0), &FitOptions::default())?.scores(features)?,
        "boosting" => BoostingOptions { rounds: 20, ..BoostingOptions::new(Loss::Logistic) }
            .fit(&examples, None)?
            .model
            .raw(features)?,
        "forest" => {
            let mut options = ForestOptions { trees: 4, ..ForestOptions::new(criterion) };
            options.tree.max_depth = Some(20);
            options.fit(&examples)?.raw(features)?
        }
        "tree" => TreeOptions { max_depth: Some(6), ..TreeOptions::new(criterion) }.fit(&examples)?.raw(features)?,
        other => return Err(format!("expected l2, l1, boosting, forest or tree, found {other:?}").into()),
    };
    basewise_core::metrics::auroc(labels, &scores).ok_or_else(|| "AUROC is undefined".into())
}

/// Peak resident memory so far in MB; 0 where the system does not say.
fn peak() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) >> 10
}
