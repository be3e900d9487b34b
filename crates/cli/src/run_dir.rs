//! What a run directory holds, and `run.json`, the record from which a run can be repeated.

use crate::failure::user;
use crate::trained::{CLASSICAL, Settings, TrainedModel};
use anyhow::{Context, Result};
use basewise_core::Dataset;
use basewise_core::average::Ensemble;
use basewise_core::folds::FoldBy;
use basewise_core::similarity::Threshold;
use basewise_io::dataset::Provenance;
use basewise_io::output::check_file;
use basewise_learn::classical::ClassicalModel;
use basewise_nn::Model;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `run.json`: everything needed to repeat a training run and to say where its model came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunInfo {
    pub(crate) format_version: u32,
    /// Version of basewise that trained it.
    pub(crate) version: String,
    /// The command line.
    pub(crate) command: String,
    /// The data set, as it was given.
    pub(crate) dataset: PathBuf,
    /// SHA-256 of the data set's examples.
    pub(crate) dataset_sha256: String,
    /// Preset name or architecture file.
    pub(crate) model: String,
    pub(crate) parameters: usize,
    pub(crate) config: Settings,
    /// The device and why it was chosen.
    pub(crate) device: String,
    pub(crate) threads: usize,
    /// SHA-256 over the tensors of the kept weights.
    pub(crate) weights_sha256: String,
    pub(crate) best_epoch: usize,
    pub(crate) epochs: usize,
    pub(crate) stopped: String,
    pub(crate) seconds: f64,
    /// Training examples per second over all epochs; 0 in files of before it was counted.
    #[serde(default)]
    pub(crate) examples_per_second: f64,
    /// Directories of the runs that this one is an ensemble of, below its own; empty for a single model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) members: Vec<PathBuf>,
    /// What each member counts; empty if all count alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) weights: Vec<f64>,
    /// How rows were dealt into folds, if they were: of an ensemble and of each of its members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) folds: Option<FoldRecipe>,
}

/// What decides the fold of each row, besides the data set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FoldRecipe {
    pub(crate) number: usize,
    pub(crate) by: FoldBy,
    pub(crate) seed: u64,
    /// From when on two sequences were similar, if relatives stay together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) threshold: Option<Threshold>,
}

/// `run.json` of a model that another program trained.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ImportInfo {
    pub(crate) format_version: u32,
    /// Version of basewise that imported it.
    pub(crate) version: String,
    /// The command line.
    pub(crate) command: String,
    /// The file of weights, as it was given.
    pub(crate) imported: PathBuf,
    pub(crate) imported_sha256: String,
    /// Preset name or architecture file.
    pub(crate) model: String,
    pub(crate) parameters: usize,
    /// SHA-256 over the tensors.
    pub(crate) weights_sha256: String,
    /// The order of the input's channels in the file of weights.
    pub(crate) channel_order: String,
    /// Layers and the modules of the file that they came from.
    pub(crate) matches: Vec<String>,
    /// From the outputs of the original network, if there were some to compare with.
    pub(crate) largest_difference: Option<f64>,
}

/// A run directory on disk.
#[derive(Clone, Debug)]
pub(crate) struct RunDir(PathBuf);

impl RunDir {
    /// An existing run.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let run = Self(path.to_owned());
        if run.info_path().is_file() {
            return Ok(run);
        }
        let begun = ["checkpoints", "folds", "members"].iter().any(|name| run.file(name).is_dir());
        let found = match (path.exists(), begun) {
            (false, _) => "nothing there",
            (true, true) => "a training run that was interrupted",
            (true, false) => "no run.json in it",
        };
        let hint = match found {
            "a training run that was interrupted" => "finish it with the same `basewise train` command and --resume",
            _ => "a run is made by `basewise train DATA --model cnn -o RUN`",
        };
        Err(user(format!("{}: expected a run directory, found {found}", path.display()), Some(hint)))
    }

    /// A directory that is about to become a run.
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn info_path(&self) -> PathBuf {
        self.file("run.json")
    }

    /// How it was trained.
    pub(crate) fn info(&self) -> Result<RunInfo> {
        if self.is_imported() {
            return Err(user(
                format!("{}: expected a run that basewise trained, found an imported model", self.0.display()),
                Some("predict, evaluate, explain and motifs filters work with it and a data set"),
            ));
        }
        read_json(&self.info_path())
    }

    /// Whether another program trained it.
    fn is_imported(&self) -> bool {
        read_json::<ImportInfo>(&self.info_path()).is_ok()
    }

    /// The runs whose models predict together: those of an ensemble, or this one.
    pub(crate) fn members(&self) -> Result<Vec<Self>> {
        let members = if self.is_imported() { Vec::new() } else { self.info()?.members };
        if members.is_empty() {
            return Ok(vec![self.clone()]);
        }
        members.iter().map(|member| Self::open(&self.0.join(member))).collect()
    }

    /// The model, or the models of an ensemble.
    pub(crate) fn model(&self) -> Result<Ensemble<TrainedModel>> {
        let members = self.members()?.iter().map(TrainedModel::load).collect::<Result<Vec<_>>>()?;
        let weights = if self.is_imported() { Vec::new() } else { self.info()?.weights };
        let ensemble = if weights.is_empty() { Ensemble::new(members) } else { Ensemble::weighted(members, weights) };
        ensemble.with_context(|| format!("{}: the models cannot predict together", self.0.display()))
    }

    /// The network of a run that has only one, for what looks inside it.
    pub(crate) fn single_model(&self, what: &str) -> Result<Model> {
        match self.members()?.as_slice() {
            [only] => TrainedModel::load(only)?.into_network(what),
            members => Err(self.several(members)),
        }
    }

    /// The classical model of a run that has only one, for what is about its features.
    pub(crate) fn single_classical(&self, what: &str) -> Result<ClassicalModel> {
        match self.members()?.as_slice() {
            [only] => TrainedModel::load(only)?.into_classical(what),
            members => Err(self.several(members)),
        }
    }

    fn several(&self, members: &[Self]) -> anyhow::Error {
        user(
            format!("{}: expected a single model, found an ensemble of {}", self.0.display(), members.len()),
            Some(&format!("name one of its members, such as {}", members[0].0.display())),
        )
    }

    /// The data set it was trained on, or the one that was asked for.
    pub(crate) fn dataset(&self, other: Option<&Path>) -> Result<(Dataset, Provenance, PathBuf)> {
        let path = match other {
            Some(path) => path.to_owned(),
            None if self.is_imported() => {
                return Err(user(
                    format!("{}: an imported model comes without a data set", self.0.display()),
                    Some("name one after the run"),
                ));
            }
            None => self.info()?.dataset,
        };
        if other.is_none() && !path.exists() {
            return Err(user(
                format!("{}: the data set of this run is not there any more", path.display()),
                Some(
                    "run from the folder where it was trained, or name the data set: after the run, or as --data of a report",
                ),
            ));
        }
        if other.is_none() {
            self.same_data(&path)?;
        }
        let (dataset, provenance) = basewise_io::dataset::load(&path)?;
        Ok((dataset, provenance, path))
    }

    /// Refuses a data set that was made anew since training: its test split may hold what the model was fitted to.
    fn same_data(&self, path: &Path) -> Result<()> {
        let (trained, found) = (self.info()?.dataset_sha256, basewise_io::dataset::digest(path)?);
        if trained == found {
            return Ok(());
        }
        let short = |digest: &str| digest.chars().take(12).collect::<String>();
        Err(user(
            format!(
                "{}: expected the data set that {} was trained on (SHA-256 {}), found another one (SHA-256 {})",
                path.display(),
                self.0.display(),
                short(&trained),
                short(&found)
            ),
            Some(
                "train again; or name the data set, after the run or as --data of a report, to judge the model on what is there now",
            ),
        ))
    }
}

/// The file that `train --config` repeats a run from.
pub(crate) const CONFIG: &str = "config.toml";

/// What a run directory may hold; anything else in it is the user's.
const OWN: &[&str] = &[
    "run.json",
    CONFIG,
    "tensorboard",
    "model.safetensors",
    CLASSICAL,
    "fits.json",
    "history.jsonl",
    "timing.jsonl",
    "metrics.json",
    "curves.json",
    "predictions.parquet",
    "check.json",
    "report.html",
    "checkpoints",
    "folds",
    "members",
    "explain",
    "filters",
    "importance",
    "motifs",
];

/// What the `config.toml` of a run begins with; one without it is the user's.
pub(crate) const CONFIG_MARK: &str = "# All settings of a run, written by `basewise train`.\n";

impl RunDir {
    /// The first thing in the directory that no command of ours put there.
    pub(crate) fn foreign(&self) -> Result<Option<PathBuf>> {
        if !self.0.is_dir() {
            return Ok(None);
        }
        let mut paths = Vec::new();
        for entry in fs_err::read_dir(&self.0)? {
            let entry = entry?;
            let is_own = entry.file_name().to_str().is_some_and(|name| OWN.contains(&name) || is_unfinished(name));
            let is_theirs =
                entry.file_name() == CONFIG && !fs_err::read(entry.path())?.starts_with(CONFIG_MARK.as_bytes());
            if !is_own || is_theirs {
                paths.push(entry.path());
            }
        }
        Ok(paths.into_iter().min())
    }

    /// Whether something of an earlier run is there.
    ///
    /// # Errors
    /// A file in the way, or something that no command of ours put there.
    pub(crate) fn is_occupied(&self) -> Result<bool> {
        if self.0.exists() && !self.0.is_dir() {
            return Err(user(
                format!("{}: expected a directory for the run, found a file", self.0.display()),
                Some("choose another with -o"),
            ));
        }
        if let Some(foreign) = self.foreign()? {
            return Err(user(
                format!(
                    "{}: expected a new or empty directory for the run, found {}",
                    self.0.display(),
                    foreign.display()
                ),
                Some("choose another directory with -o"),
            ));
        }
        Ok(self.0.is_dir() && fs_err::read_dir(&self.0)?.next().is_some())
    }

    /// Removes what a killed command left half-written or half-removed there.
    pub(crate) fn tidy(&self) -> Result<()> {
        for entry in fs_err::read_dir(&self.0)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(is_unfinished) {
                let path = entry.path();
                if path.is_dir() { fs_err::remove_dir_all(&path)? } else { fs_err::remove_file(&path)? }
            }
        }
        Ok(())
    }

    /// Removes what our commands put there. A directory goes out of the way first, so that a command that is killed
    /// meanwhile does not leave half of its checkpoints.
    pub(crate) fn clear(&self) -> Result<()> {
        self.tidy()?;
        for name in OWN {
            let path = self.file(name);
            if path.is_dir() {
                fs_err::rename(&path, self.file(&format!("{name}.partial")))?;
            } else if path.exists() {
                fs_err::remove_file(&path)?;
            }
        }
        self.tidy()
    }
}

/// Whether a killed command left this half-written: `model.safetensors.partial`, `.run.json.1234-0.tmp`.
fn is_unfinished(name: &str) -> bool {
    let base = name.strip_suffix(".partial").or_else(|| {
        let (base, _) = name.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('.')?;
        Some(base)
    });
    base.is_some_and(|base| OWN.contains(&base))
}

/// Makes room for an output directory that holds `marker` when it is ours: refuses one that holds something else, and
/// removes the `parts` of an earlier one.
pub(crate) fn make_room(dir: &Path, marker: &str, parts: &[&str]) -> Result<()> {
    check_room(dir, marker)?;
    for part in parts.iter().map(|part| dir.join(part)).filter(|part| part.exists()) {
        if part.is_dir() { fs_err::remove_dir_all(&part)? } else { fs_err::remove_file(&part)? }
    }
    Ok(())
}

/// Whether [`make_room`] will find nothing in the way, and the place can be written to: asked before long work.
pub(crate) fn check_room(dir: &Path, marker: &str) -> Result<()> {
    if dir.exists() && !dir.is_dir() {
        return Err(user(
            format!("{}: expected a directory to write, found a file", dir.display()),
            Some("choose another with -o"),
        ));
    }
    let occupied = dir.is_dir() && fs_err::read_dir(dir)?.next().is_some();
    if occupied && !dir.join(marker).is_file() {
        return Err(user(
            format!("{}: expected a new or empty directory, found other files in it", dir.display()),
            Some("choose another with -o"),
        ));
    }
    Ok(check_file(&if dir.is_dir() { dir.join(marker) } else { dir.to_owned() })?)
}

/// Endings of files that are not all the same thing.
const ENDINGS: [&str; 18] = [
    "bcf", "bed", "bw", "csv", "fa", "gz", "h5", "h5ad", "html", "json", "meme", "npz", "parquet", "png", "svg", "tsv",
    "vcf", "xlsx",
];

/// Refuses a name for an output that promises another format than the `written` ones, and a place that cannot be written to:
/// asked before long work.
pub(crate) fn check_output(path: &Path, written: &[&str]) -> Result<()> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    if ENDINGS.contains(&ending.as_str()) && !written.contains(&ending.as_str()) {
        let all: Vec<String> = written.iter().map(|ending| format!(".{ending}")).collect();
        let message = format!("{}: expected a name that ends in {}, found .{ending}", path.display(), all.join(" or "));
        return Err(user(message, Some("choose another with -o; what is written is told by the ending")));
    }
    Ok(check_file(path)?)
}

/// Refuses to replace what was trained there before, as `marker` tells, unless that is asked for.
pub(crate) fn keep_trained(dir: &Path, marker: &str, overwrite: bool) -> Result<()> {
    if overwrite || !dir.join(marker).is_file() {
        return Ok(());
    }
    Err(user(
        format!("{}: expected a new or empty directory, found a trained model ({marker})", dir.display()),
        Some("choose another directory with -o, or replace it with --overwrite"),
    ))
}

/// Refuses to write over what is being read.
pub(crate) fn not_the_input(output: &Path, input: &Path) -> Result<()> {
    match (output.canonicalize(), input.canonicalize()) {
        (Ok(a), Ok(b)) if a == b => Err(user(
            format!("{}: expected another output than the input", output.display()),
            Some("choose another with -o"),
        )),
        _ => Ok(()),
    }
}

/// Reads a JSON file of ours.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs_err::read_to_string(path)?;
    serde_json::from_str(&text).with_context(|| format!("{}: expected a file written by basewise", path.display()))
}

/// Writes a JSON file, whole or not at all.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    write_text(path, &text)
}

/// Writes a text file, whole or not at all.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<()> {
    write_bytes(path, text.as_bytes())
}

/// Writes a file, whole or not at all.
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(basewise_io::output::write_file(path, |w| w.write_all(bytes))?)
}
