//! Fits a linear model to numbers that another program wrote, and tells how long it took: `bench/peers/sklearn_linear.py`
//! sets it beside scikit-learn.
//!
//! ```text
//! linear FAMILY LAMBDA L1_RATIO TOLERANCE ROWS COLUMNS FOLDER      squared, logistic, poisson, or a number of classes
//! linear words SPEC LENGTH FOLDER                                  features of the lines of FOLDER/sequences
//! ```
//!
//! FOLDER holds little-endian arrays without headers: `y` of f64 and either `x` of f32, row after row, or the three parts
//! of compressed sparse rows, `starts` of u64, `columns` of u32 and `values` of f32. The line on stdout is JSON;
//! `coefficients` in it are `[output, feature]`, one after the other, and then the intercepts.

use basewise_core::{Alphabet, CasePolicy, Encoding, SequenceBatch};
use basewise_learn::Features;
use basewise_learn::extract::{Extractor, Sources};
use basewise_learn::linear::{Family, FitOptions, Penalty, Target, fit};
use fs_err as fs;
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["words", spec, length, folder] => words(spec, length.parse()?, Path::new(folder)),
        [family, lambda, l1_ratio, tolerance, rows, columns, folder] => {
            let family = match family {
                "squared" => Family::Squared,
                "logistic" => Family::Logistic,
                "poisson" => Family::Poisson,
                classes => Family::Multinomial { classes: classes.parse()? },
            };
            let penalty = Penalty { lambda: lambda.parse()?, l1_ratio: l1_ratio.parse()? };
            let options = FitOptions { tolerance: tolerance.parse()?, ..Default::default() };
            model(family, penalty, &options, [rows.parse()?, columns.parse()?], Path::new(folder))
        }
        _ => Err("expected FAMILY LAMBDA L1_RATIO TOLERANCE ROWS COLUMNS FOLDER, or words SPEC LENGTH FOLDER".into()),
    }
}

fn model(
    family: Family,
    penalty: Penalty,
    options: &FitOptions,
    [rows, columns]: [usize; 2],
    folder: &Path,
) -> Outcome<()> {
    let names = (0..columns).map(|column| format!("f{column}")).collect();
    let features = if folder.join("x").exists() {
        Features::dense(names, rows, array(&folder.join("x"), f32::from_le_bytes)?)?
    } else {
        let starts =
            array(&folder.join("starts"), u64::from_le_bytes)?.into_iter().map(|start| start as usize).collect();
        let columns = array(&folder.join("columns"), u32::from_le_bytes)?;
        Features::sparse(names, starts, columns, array(&folder.join("values"), f32::from_le_bytes)?)?
    };
    let labels = array(&folder.join("y"), f64::from_le_bytes)?;
    // Threads are started before time is taken.
    rayon::broadcast(|_| ());
    let (before, wall) = (cpu_seconds()?, Instant::now());
    let model = fit(&features, &Target { family, labels: &labels, weights: None }, penalty, options)?;
    let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds()? - before);
    let outputs = model.intercepts().len();
    let numbers = (0..outputs * columns).map(|at| model.coefficient(at % columns, at / columns));
    let numbers: Vec<String> = numbers.chain(model.intercepts().to_vec()).map(|number| number.to_string()).collect();
    let (outcome, nonzero) = (model.fit(), model.nonzero());
    say(&format!(
        "{{\"cpu\": {cpu}, \"wall\": {wall}, \"outcome\": \"{:?}\", \"iterations\": {}, \"violation\": {}, \
         \"nonzero\": {nonzero}, \"coefficients\": [{}]}}",
        outcome.outcome,
        outcome.iterations,
        outcome.violation,
        numbers.join(", ")
    ))
}

fn words(spec: &str, length: usize, folder: &Path) -> Outcome<()> {
    let mut batch = SequenceBatch::new(Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore }, length);
    for line in fs::read_to_string(folder.join("sequences"))?.lines() {
        batch.push(line.as_bytes())?;
    }
    let (before, wall) = (cpu_seconds()?, Instant::now());
    let extractor = Extractor::fit(&spec.parse()?, &batch, &Sources::default())?;
    let features = extractor.transform(&batch)?;
    let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds()? - before);
    let (rows, columns, bytes) = (features.rows(), features.columns(), features.bytes());
    say(&format!(
        "{{\"cpu\": {cpu}, \"wall\": {wall}, \"rows\": {rows}, \"columns\": {columns}, \"bytes\": {bytes}, \"peak_kib\": {}}}",
        peak_kib()?
    ))
}

fn say(line: &str) -> Outcome<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

fn array<T, const N: usize>(path: &Path, of: fn([u8; N]) -> T) -> Outcome<Vec<T>> {
    let bytes = fs::read(path)?;
    Ok(bytes.as_chunks::<N>().0.iter().map(|&bytes| of(bytes)).collect())
}

/// Seconds that the processor spent on all threads of this process so far.
fn cpu_seconds() -> Outcome<f64> {
    let mut nanoseconds = 0.0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += text.split(' ').next().unwrap_or("0").parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}

fn peak_kib() -> Outcome<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("expected VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
