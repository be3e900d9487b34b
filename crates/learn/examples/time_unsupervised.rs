//! Runs a method without labels on arrays of NumPy, and says how long it took: the other side of
//! `bench/peers/unsupervised.py`.
//!
//! ```text
//! time_unsupervised pca|randomized|kmeans|mixture|tsne|neighbors FOLDER SEED
//! ```
//!
//! FOLDER holds little-endian numbers without headers: `shape` (rows and columns, u64), and `values` of f32, row-major; or with
//! them `starts` of u64 and `columns` of u32, compressed sparse rows. Writes what was found as `found` of f32 (coordinates,
//! inertia, mean log-likelihood, a map, or neighbours) and prints seconds of processor time and of the clock, one a line.

use basewise_core::Matrix;
use basewise_core::sparse::Csr;
use basewise_learn::unsupervised::{
    KMeansOptions, Metric, MixtureOptions, Neighbors, PcaOptions, PcaSolver, Rows, TsneOptions,
};
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

fn numbers<T, const N: usize>(path: &Path, of: fn([u8; N]) -> T) -> Result<Vec<T>, Box<dyn Error>> {
    Ok(fs_err::read(path)?.as_chunks::<N>().0.iter().map(|&bytes| of(bytes)).collect())
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

/// Dense rows, for methods that read no others.
fn dense(rows: Rows<'_>) -> Result<&Matrix, Box<dyn Error>> {
    match rows {
        Rows::Dense(matrix) => Ok(matrix),
        Rows::Sparse(_) => Err("expected dense rows".into()),
    }
}

fn found(kind: &str, rows: Rows<'_>, seed: u64) -> Result<Vec<f32>, Box<dyn Error>> {
    let clusters = 20;
    Ok(match kind {
        "pca" | "randomized" => {
            let solver = if kind == "pca" { PcaSolver::Exact } else { PcaSolver::Randomized };
            PcaOptions { components: 50, solver, seed }.fit(rows)?.transform(rows)?.data().to_vec()
        }
        "kmeans" => {
            vec![KMeansOptions { clusters, seed, ..KMeansOptions::default() }.fit(dense(rows)?)?.inertia as f32]
        }
        "mixture" => {
            let options = MixtureOptions { components: clusters, seed, ..MixtureOptions::default() };
            vec![options.fit(dense(rows)?)?.log_likelihood as f32]
        }
        "tsne" => TsneOptions { seed, ..TsneOptions::default() }.fit(dense(rows)?)?.map.data().to_vec(),
        "neighbors" => {
            let found = Neighbors::find(dense(rows)?, 15, Metric::Euclidean)?;
            found.indices.iter().map(|&index| index as f32).collect()
        }
        other => {
            return Err(format!("expected pca, randomized, kmeans, mixture, tsne or neighbors, found {other:?}").into());
        }
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, folder, seed] = arguments.as_slice() else {
        return Err("expected a method, a folder and a seed".into());
    };
    let folder = Path::new(folder);
    let shape: Vec<usize> = numbers(&folder.join("shape"), u64::from_le_bytes)?.iter().map(|&n| n as usize).collect();
    let values = numbers(&folder.join("values"), f32::from_le_bytes)?;
    let (sparse, plain);
    let rows = if folder.join("starts").exists() {
        let starts = numbers(&folder.join("starts"), u64::from_le_bytes)?.iter().map(|&n| n as usize).collect();
        sparse = Csr::new(shape[1], starts, numbers(&folder.join("columns"), u32::from_le_bytes)?, values)?;
        Rows::Sparse(&sparse)
    } else {
        plain = Matrix::new(shape[0], shape[1], values);
        Rows::Dense(&plain)
    };
    // Threads are started before time is taken.
    rayon::broadcast(|_| ());
    let (processor, clock) = (processor_seconds()?, Instant::now());
    let result = found(kind, rows, seed.parse()?)?;
    let (processor, clock) = (processor_seconds()? - processor, clock.elapsed().as_secs_f64());
    fs_err::write(folder.join("found"), result.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())?;
    writeln!(std::io::stdout(), "{processor}\n{clock}")?;
    Ok(())
}
