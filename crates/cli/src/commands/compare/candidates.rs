//! What is compared: names, tables of settings, and runs that are there already.

use super::CompareArgs;
use crate::commands::evaluate::fits;
use crate::commands::report::name_of;
use crate::commands::train::{self, TrainArgs};
use crate::comparison::Kind;
use crate::failure::user;
use crate::run_dir::RunDir;
use crate::trained::TrainedModel;
use anyhow::{Context, Result, anyhow};
use basewise_core::source::ExampleSource;
use basewise_core::{Dataset, TaskKind};
use basewise_learn::classical;
use basewise_nn::{Architecture, ConfigFile, TrainConfig};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// One model of a comparison.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Also that of its folder.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) how: How,
}

/// Where its predictions come from.
#[derive(Clone, Debug)]
pub(super) enum How {
    /// The share of each class, or the mean, of the training split.
    Majority,
    /// A training with these settings.
    Trained(Table),
    /// A run that was there before.
    Run(PathBuf),
}

impl Candidate {
    /// The settings that it is trained with.
    pub(super) fn settings(&self) -> Option<&Table> {
        match &self.how {
            How::Trained(settings) => Some(settings),
            How::Majority | How::Run(_) => None,
        }
    }
}

pub(super) const MAJORITY: &str = "majority";
/// Trains nothing.
const NONE: &str = "none";
const MODEL: &str = "model";
const FEATURES: &str = "features";
/// A linear model of the bases at each position.
const POSITIONAL: &str = "positional";

/// All that are compared, under different names.
pub(super) struct Candidates<'a> {
    dataset: &'a Dataset,
    usual: TrainConfig,
    pub(super) list: Vec<Candidate>,
}

impl<'a> Candidates<'a> {
    /// What the flags ask for; each is looked at before anything is trained.
    pub(super) fn new(args: &CompareArgs, dataset: &'a Dataset, dataset_sha256: &str) -> Result<Self> {
        let mut all = Self { dataset, usual: TrainArgs::usual(&dataset.header()), list: Vec::new() };
        let names: Vec<&str> = match (args.models.as_slice(), &args.models_from) {
            ([], None) => all.usual_names(),
            ([only], _) if only == NONE => Vec::new(),
            (names, _) => names.iter().map(|name| name.trim()).collect(),
        };
        for name in names {
            all.add_named(name)?;
        }
        if let Some(path) = &args.models_from {
            all.add_file(&fs_err::read_to_string(path)?, &path.display().to_string())?;
        }
        for text in &args.runs {
            all.add_run(text, dataset_sha256)?;
        }
        if all.list.len() < 2 {
            return Err(user(
                format!("expected at least two models to compare, found {}", all.list.len()),
                Some("name them with --models and --models-from, or name runs after the data set"),
            ));
        }
        Ok(all)
    }

    /// A guess, classical models, and a network; of signal a guess and networks.
    fn usual_names(&self) -> Vec<&'static str> {
        match self.dataset.tasks.iter().any(|task| matches!(task.kind, TaskKind::Profile(_))) {
            true => vec![MAJORITY, "bpnet", "dilated"],
            false => vec![MAJORITY, self.linear().name(), POSITIONAL, "forest", "gbdt", "cnn"],
        }
    }

    /// The linear model for the tasks.
    fn linear(&self) -> classical::Kind {
        let numbers = self.dataset.tasks.iter().all(|task| task.kind.is_number());
        if numbers { classical::Kind::Linear } else { classical::Kind::Logistic }
    }

    fn add_named(&mut self, name: &str) -> Result<()> {
        if name == MAJORITY {
            return self.add(name, Kind::Baseline, How::Majority);
        }
        if name == NONE {
            let hint = "leave out the others: it trains no model, where runs are compared alone";
            return Err(user(format!("--models: expected {NONE} alone, found it among others"), Some(hint)));
        }
        // An architecture file is called by its name.
        let path = Path::new(name);
        let is_file = path.extension().is_some_and(|ending| ending == "toml");
        let short = path.file_stem().filter(|_| is_file).map_or(name.into(), |stem| stem.to_string_lossy());
        let mut settings = Table::new();
        settings.insert(MODEL.to_owned(), Value::String(name.to_owned()));
        self.add_settings(&short, settings, "--models")
    }

    /// `[[model]]` tables; what stands above them are settings of every network.
    fn add_file(&mut self, text: &str, file: &str) -> Result<()> {
        let mut common: Table = toml::from_str(text)
            .map_err(|error| user(format!("{file}: expected TOML: {}", error.to_string().trim_end()), None))?;
        let tables = match common.remove(MODEL) {
            Some(Value::Array(tables)) => tables,
            found => {
                let found = found.map_or("none".to_owned(), |other| format!("a {}", other.type_str()));
                return Err(user(format!("{file}: expected [[model]] tables, found {found}"), Some(TABLES)));
            }
        };
        for (number, table) in tables.into_iter().enumerate() {
            let (name, mut own) =
                named(table).map_err(|fault| user(format!("{file}: model {}: {fault}", number + 1), Some(TABLES)))?;
            if name == MAJORITY && own.is_empty() {
                self.add_named(&name)?;
                continue;
            }
            if !own.contains_key(MODEL) && !own.contains_key("architecture") {
                own.insert(MODEL.to_owned(), Value::String(name.clone()));
            }
            if classical_kind(&own).is_none() && own.get(MODEL).and_then(Value::as_str) != Some(POSITIONAL) {
                own = common.clone().into_iter().chain(own).collect();
            }
            self.add_settings(&name, own, file)?;
        }
        Ok(())
    }

    /// Settings of a model, which are checked as far as they can be before the training.
    fn add_settings(&mut self, name: &str, mut settings: Table, source: &str) -> Result<()> {
        if let Some(Value::String(model)) = settings.get_mut(MODEL)
            && model == POSITIONAL
        {
            *model = self.linear().name().to_owned();
            settings.entry(FEATURES).or_insert_with(|| Value::String("positional=2".to_owned()));
        }
        if settings.contains_key("seed") {
            return Err(user(
                format!("{source}: model {name:?} names seed, which is the same for all models"),
                Some("use --seed and --seeds"),
            ));
        }
        let place = format!("{source}: model {name:?}");
        if let Some(kind) = classical_kind(&settings) {
            let config = train::classical::from_table(kind, settings.clone(), &place, self.usual.seed)?.resolved();
            if let Some(fault) = config.fault() {
                return Err(user(format!("{place}: {fault}"), None));
            }
            classical::check_tasks(&self.dataset.tasks, kind).map_err(|error| anyhow!("{place}: {error}"))?;
            train::classical::read_motifs(&config).with_context(|| place.clone())?;
            return self.add(name, Kind::Classical, How::Trained(settings));
        }
        let file = ConfigFile::from_toml(&settings.to_string(), &place, &self.usual)?;
        if let (None, Some(model)) = (&file.architecture, &file.model) {
            known_network(model, source)?;
        }
        self.add(name, Kind::Network, How::Trained(settings))
    }

    /// `[NAME=]RUN`, which must know the same data.
    fn add_run(&mut self, text: &str, dataset_sha256: &str) -> Result<()> {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) if !Path::new(text).exists() => (Some(name.to_owned()), Path::new(path)),
            _ => (None, Path::new(text)),
        };
        let run = RunDir::open(path)?;
        let info = run.info()?;
        if info.dataset_sha256 != dataset_sha256 {
            return Err(user(
                format!("{}: expected a run that was trained on the same data set, found another one", path.display()),
                Some("a run of other splits may have seen the test examples: train it again on this data set"),
            ));
        }
        let models = run.model()?;
        fits(&models, self.dataset).with_context(|| path.display().to_string())?;
        // What joins a network with others has the cost of a network.
        let is_network = models.members().iter().any(TrainedModel::is_network);
        let kind = if is_network { Kind::Network } else { Kind::Classical };
        self.add(&name.unwrap_or_else(|| name_of(path)), kind, How::Run(path.to_owned()))
    }

    fn add(&mut self, name: &str, kind: Kind, how: How) -> Result<()> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
        let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !(begins_well && name.len() <= 60 && name.chars().all(plain)) {
            return Err(user(
                format!(
                    "expected a name of up to 60 letters, digits, `.`, `_`, `-` and `+` for a model, found {name:?}"
                ),
                Some("folders are called so; a run is named as NAME=RUN"),
            ));
        }
        if self.list.iter().any(|other| other.name == name) {
            return Err(user(
                format!("two models are called {name:?}"),
                Some("name a run as NAME=RUN, and settings by `name` in a file for --models-from"),
            ));
        }
        self.list.push(Candidate { name: name.to_owned(), kind, how });
        Ok(())
    }
}

const TABLES: &str =
    "a file has a table for each model: [[model]], name = \"small\", and settings as in `train --config`";

/// The name in a `[[model]]` table, and what else is in it.
fn named(table: Value) -> Result<(String, Table), String> {
    let mut own = match table {
        Value::Table(own) => own,
        other => return Err(format!("expected a table, found a {}", other.type_str())),
    };
    match own.remove("name") {
        Some(Value::String(name)) => Ok((name, own)),
        Some(other) => Err(format!("expected a name as text, found {other}")),
        None => Err("expected a name, found none".to_owned()),
    }
}

/// The classical model that settings name.
fn classical_kind(settings: &Table) -> Option<classical::Kind> {
    settings.get(MODEL)?.as_str()?.parse().ok()
}

/// Refuses a name that neither classical models nor networks have.
fn known_network(model: &str, source: &str) -> Result<()> {
    if let Err(error) = train::architecture(model) {
        let presets = Architecture::presets().iter().map(|(name, _)| *name);
        let names: Vec<&str> = [MAJORITY, POSITIONAL]
            .into_iter()
            .chain(classical::Kind::ALL.map(classical::Kind::name))
            .chain(presets)
            .collect();
        let hint = format!("models are {}, and architecture files (.toml)", names.join(", "));
        return Err(user(format!("{source}: {error:#}"), Some(&hint)));
    }
    Ok(())
}
