//! basewise takes raw genome files to a mechanism: data set, model, honest evaluation, attributions, motifs.
//!
//! This crate is the front door for programs in Rust: it re-exports the areas and holds no logic of its own.
//!
//! | area | what it holds |
//! |---|---|
//! | [`core`] | letters, places, examples, splits, metrics, perturbation experiments |
//! | [`io`] | genome files, tables, and data sets on disk |
//! | [`motif`] | position weight matrices: formats, comparison, logos, simulated truth |
//! | [`learn`] | hand-crafted features, linear models, trees, forests and boosting |
//! | [`nn`] | neural networks described as data: training, prediction, gradients |
//!
//! The whole path, on a data set that is made on the spot:
//!
//! ```
//! use basewise::core::{Alphabet, CasePolicy, Dataset, Encoding, Example, Split, Task, TaskKind, random};
//! use basewise::nn::{Architecture, Control, TrainConfig, TrainOptions, device};
//!
//! // 240 sequences of 30 nt, half of them with TGACTCA in the middle.
//! let mut rng = random::stream(1, "example", &[]);
//! let examples = (0..240).map(|i| {
//!     let mut sequence: Vec<u8> = (0..30).map(|_| b"ACGT"[random::below(&mut rng, 4)]).collect();
//!     if i % 2 == 1 {
//!         sequence[12..19].copy_from_slice(b"TGACTCA");
//!     }
//!     let split = [Split::Train, Split::Train, Split::Train, Split::Valid, Split::Test][i / 2 % 5];
//!     let labels = vec![(i % 2) as f64];
//!     let (id, covariates, control) = (format!("s{i}"), vec![], vec![]);
//!     Example { id, place: None, split, sequence, labels, covariates, control, weight: 1.0 }
//! });
//! let dataset = Dataset {
//!     encoding: Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Ignore },
//!     length: 30,
//!     jitter: 0,
//!     tasks: vec![Task { name: "site".into(), kind: TaskKind::Binary }],
//!     covariates: vec![],
//!     control: None,
//!     examples: examples.collect(),
//! };
//!
//! let run = tempfile::tempdir()?;
//! let config = TrainConfig { epochs: 3, ..TrainConfig::default() };
//! let outcome = basewise::nn::train(
//!     &dataset,
//!     &Architecture::preset("cnn")?,
//!     &config,
//!     &device::OpenedDevice::cpu(),
//!     run.path(),
//!     &TrainOptions::default(),
//!     &mut |_| Control::Continue,
//! )?;
//! assert_eq!(outcome.history.len(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use basewise_core as core;
pub use basewise_io as io;
pub use basewise_learn as learn;
pub use basewise_motif as motif;
pub use basewise_nn as nn;
