//! Trains and predicts on arrays of NumPy, and says how long it took: the other side of `bench/peers/trees.py`.
//!
//! ```text
//! time_trees boosting|forest|tree FOLDER SEED [MIN_LEAF MIN_WEIGHT]
//! ```
//!
//! FOLDER holds `train_x.npy`, `train_y.npy`, `test_x.npy` (f32, row-major); or instead of `train_x.npy` compressed sparse
//! rows, little-endian without headers: `train_starts` of u64, `train_columns` of u32, `train_values` of f32, the same for
//! `test`, and `width`, the number of columns, of u64. Writes `basewise.npy` (probabilities of class
//! 1 for the test rows) and prints seconds of processor time of training and prediction, one a line. MIN_LEAF and MIN_WEIGHT are
//! what a leaf of boosting must have: examples, and the sum of their second derivatives.

use basewise_learn::Features;
use basewise_learn::tree::{BoostingOptions, Criterion, Examples, ForestOptions, Loss, TreeEnsemble, TreeOptions};
use std::error::Error;
use std::io::Write;
use std::path::Path;

/// Shape and numbers of an array of f32.
fn read(path: &Path) -> Result<(Vec<usize>, Vec<f32>), Box<dyn Error>> {
    let bytes = fs_err::read(path)?;
    let wrong = || format!("{}: expected an array of little-endian f32, row-major", path.display());
    let length = bytes.get(8..10).map(|length| 10 + usize::from(u16::from_le_bytes([length[0], length[1]])));
    let length = length.ok_or_else(wrong)?;
    let header = String::from_utf8_lossy(bytes.get(10..length).ok_or_else(wrong)?).into_owned();
    let shape = header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')')).ok_or_else(wrong)?.0;
    if !bytes.starts_with(b"\x93NUMPY\x01") || !header.contains("'<f4'") || header.contains("True") {
        return Err(wrong().into());
    }
    let shape = shape.split(',').map(str::trim).filter(|size| !size.is_empty()).map(str::parse);
    let shape = shape.collect::<Result<Vec<usize>, _>>()?;
    let values: Vec<f32> = bytes[length..].as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if values.len() != shape.iter().product::<usize>() { Err(wrong().into()) } else { Ok((shape, values)) }
}

fn features(folder: &Path, split: &str) -> Result<Features, Box<dyn Error>> {
    let names = |columns: usize| (0..columns).map(|column| format!("f{column}")).collect();
    let width = folder.join("width");
    if !width.exists() {
        let (shape, values) = read(&folder.join(format!("{split}_x.npy")))?;
        return Ok(Features::dense(names(shape[1]), shape[0], values)?);
    }
    let array = |part: &str| folder.join(format!("{split}_{part}"));
    let width = numbers(&width, u64::from_le_bytes)?[0] as usize;
    let starts = numbers(&array("starts"), u64::from_le_bytes)?.into_iter().map(|start| start as usize).collect();
    let columns = numbers(&array("columns"), u32::from_le_bytes)?;
    Ok(Features::sparse(names(width), starts, columns, numbers(&array("values"), f32::from_le_bytes)?)?)
}

fn numbers<T, const N: usize>(path: &Path, of: fn([u8; N]) -> T) -> Result<Vec<T>, Box<dyn Error>> {
    let bytes = fs_err::read(path)?;
    Ok(bytes.as_chunks::<N>().0.iter().map(|&bytes| of(bytes)).collect())
}

/// Seconds that the processor spent on all threads.
fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let mut nanoseconds = 0.0;
    for task in fs_err::read_dir("/proc/self/task")? {
        let text = fs_err::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += text.split(' ').next().unwrap_or("0").parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}

fn fit(
    kind: &str,
    seed: u64,
    leaf: Option<(usize, f64)>,
    examples: &Examples<'_>,
) -> Result<TreeEnsemble, Box<dyn Error>> {
    let gini = Criterion::Gini { classes: 2 };
    Ok(match kind {
        "boosting" => {
            let usual = BoostingOptions::new(Loss::Logistic);
            let (min_leaf, min_child_weight) = leaf.unwrap_or((usual.min_leaf, usual.min_child_weight));
            BoostingOptions { min_leaf, min_child_weight, ..usual }.fit(examples, None)?.model
        }
        "forest" => ForestOptions { seed, ..ForestOptions::new(gini) }.fit(examples)?,
        "tree" => TreeOptions { max_depth: Some(8), min_leaf: 20, ..TreeOptions::new(gini) }.fit(examples)?,
        other => return Err(format!("expected boosting, forest or tree, found {other:?}").into()),
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (kind, folder, seed, leaf) = match arguments.as_slice() {
        [kind, folder, seed] => (kind, folder, seed, None),
        [kind, folder, seed, rows, weight] => (kind, folder, seed, Some((rows.parse()?, weight.parse()?))),
        _ => return Err("expected a kind of model, a folder and a seed, and perhaps two limits of a leaf".into()),
    };
    let folder = Path::new(folder);
    let (train, test) = (features(folder, "train")?, features(folder, "test")?);
    let labels: Vec<f64> = read(&folder.join("train_y.npy"))?.1.into_iter().map(f64::from).collect();
    // Threads are started before time is taken.
    rayon::broadcast(|_| ());
    let start = processor_seconds()?;
    let model = fit(kind, seed.parse()?, leaf, &Examples { features: &train, labels: &labels, weights: None })?;
    let trained = processor_seconds()?;
    let predictions = model.predict(&test)?;
    let done = processor_seconds()?;
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({},), }}", predictions.rows());
    header.push_str(&" ".repeat(117 - header.len()));
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(header.bytes().chain([b'\n']));
    bytes.extend(predictions.column(0).flat_map(f32::to_le_bytes));
    fs_err::write(folder.join("basewise.npy"), bytes)?;
    writeln!(std::io::stdout(), "{}\n{}", trained - start, done - trained)?;
    Ok(())
}
