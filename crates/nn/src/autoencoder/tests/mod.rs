mod golden;
mod oracle;

use super::network::Step;
use super::*;
use basewise_core::random::{below, stream};
use basewise_core::sparse::Csr;
use oracle::Oracle;

/// Cells of three kinds, two batches: counts by genes, kind and batch of each cell. A third of the genes is higher in each
/// kind; every fifth gene is higher in the second batch.
fn made(cells: usize, genes: usize, seed: u64) -> (Csr, Vec<u32>, Vec<u32>) {
    let mut rng = stream(seed, "test cells", &[]);
    let (mut starts, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    let (mut kinds, mut batches) = (Vec::new(), Vec::new());
    for cell in 0..cells {
        let (kind, batch) = (cell % 3, cell / 3 % 2);
        kinds.push(kind as u32);
        batches.push(batch as u32);
        for gene in 0..genes {
            let most = 2 + if gene % 3 == kind { 6 } else { 0 } + if batch == 1 && gene % 5 == 0 { 9 } else { 0 };
            let count = below(&mut rng, most + 3).saturating_sub(3);
            if count > 0 {
                indices.push(gene as u32);
                values.push(count as f32);
            }
        }
        starts.push(indices.len());
    }
    (Csr { rows: cells, columns: genes, starts, indices, values }, kinds, batches)
}

fn small(kind: Kind, likelihood: Likelihood) -> Config {
    Config {
        likelihood,
        latent: 2,
        hidden: vec![5, 4],
        batch_size: 16,
        epochs: 3,
        validation: 0.0,
        held_out: 0.0,
        warm_up: 2,
        ..Config::of(kind, 100)
    }
}

fn models() -> Vec<Config> {
    let mut all = vec![
        small(Kind::Plain, Likelihood::Normal),
        small(Kind::Denoising, Likelihood::Normal),
        small(Kind::Counts, Likelihood::NegativeBinomial),
        small(Kind::Counts, Likelihood::ZeroInflated),
        small(Kind::Variational, Likelihood::NegativeBinomial),
        small(Kind::Variational, Likelihood::ZeroInflated),
    ];
    all[1].normalization = Normalization::Layer;
    all[2].normalization = Normalization::None;
    all[3].dropout = 0.3;
    all[4].encode_batch = true;
    all[5].normalization = Normalization::Layer;
    all
}

/// The gradient of every model beside central differences of a network in f64 that was written for this alone.
#[test]
fn gradients_are_those_of_a_naive_network() {
    let (counts, _, codes) = made(9, 300, 3);
    for config in models() {
        let batches = (config.kind == Kind::Variational).then_some((&codes[..], 2));
        let cells = Cells { values: &counts, batches };
        let (model, _) = Autoencoder::fit(cells, &Config { epochs: 1, ..config.clone() }, &mut |_| {}).unwrap();
        let prepared = cells.prepare(&config, model.target).unwrap();
        let rows: Vec<usize> = (0..7).collect();
        let batch = prepared.take(&rows, &config, model.layout.batches, Some((config.seed, 4)));
        let step = Step { seed: 5, number: 6, weight: 0.7 };
        let network = model.network();
        let mut gradient = vec![f32::NAN; model.parameters.len()];
        let (found, _) = network.gradient(&batch, step, &mut network.output(), &mut gradient);
        let oracle = Oracle::new(&model, &batch, step);
        let values: Vec<f64> = model.parameters.iter().map(|&x| f64::from(x)).collect();
        let expected = oracle.loss(&values);
        let loss = found.likelihood + step.weight * found.divergence;
        assert!((loss / expected - 1.0).abs() < 1e-5, "{config:?}: expected {expected}, found {loss}");

        let length = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        let stretches = (0..values.len()).step_by(1 + values.len() / 700);
        let last = model.layout.dispersion.map_or(0..0, |at| at..at + 20);
        for at in stretches.chain(last) {
            let with = |h: f64| {
                let mut moved = values.clone();
                moved[at] += h;
                oracle.loss(&moved)
            };
            let slope = (with(1e-5) - with(-1e-5)) / 2e-5;
            let difference = (f64::from(gradient[at]) - slope).abs();
            assert!(
                difference < 1e-3 * slope.abs() + 2e-5 * length,
                "{config:?}: {at}: expected {slope}, found {}",
                gradient[at]
            );
        }
    }
}

fn trained(config: &Config, seed: u64) -> (Autoencoder, History, Csr, Vec<u32>, Vec<u32>) {
    let (counts, kinds, codes) = made(240, 60, seed);
    let batches = (config.kind == Kind::Variational).then_some((&codes[..], 2));
    let (model, history) = Autoencoder::fit(Cells { values: &counts, batches }, config, &mut |_| {}).unwrap();
    (model, history, counts, kinds, codes)
}

#[test]
fn the_same_seed_gives_the_same_bits_for_any_number_of_threads() {
    for config in models() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| trained(&Config { validation: 0.2, ..config.clone() }, 1))
        };
        let (one, three) = (run(1), run(3));
        assert_eq!(one.0.parameters, three.0.parameters, "{config:?}");
        assert_eq!(one.1, three.1);
        let other = trained(&Config { seed: 2, validation: 0.2, ..config.clone() }, 1);
        assert_ne!(one.0.parameters, other.0.parameters);
    }
}

/// Distances of cells in the latent space: within a kind, and between kinds, by the mean of squares.
fn apart(latent: &basewise_core::Matrix, groups: &[u32]) -> f64 {
    let (mut within, mut between) = ((0.0, 0.0), (0.0, 0.0));
    for i in 0..latent.rows() {
        for j in 0..i {
            let d: f64 = latent.row(i).iter().zip(latent.row(j)).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            let sums = if groups[i] == groups[j] { &mut within } else { &mut between };
            *sums = (sums.0 + d, sums.1 + 1.0);
        }
    }
    (between.0 / between.1) / (within.0 / within.1)
}

#[test]
fn training_finds_kinds_of_cells_and_removes_batches() {
    for config in models() {
        let config = Config {
            hidden: vec![32],
            latent: 4,
            epochs: 60,
            patience: 0,
            warm_up: 60,
            rate: 5e-3,
            validation: 0.1,
            held_out: 0.1,
            normalization: Normalization::Batch,
            ..config
        };
        let (model, history, counts, kinds, codes) = trained(&config, 7);
        let (first, best) = (history.epochs[0], history.epochs[history.best - 1]);
        assert!(best.validation < first.validation && best.likelihood < first.likelihood, "{config:?}: {history:?}");
        assert_eq!((history.validation.len(), history.held_out.len()), (24, 24));
        assert!(history.validation.iter().all(|cell| !history.held_out.contains(cell)), "parts are apart");
        let batches = (config.kind == Kind::Variational).then_some((&codes[..], 2));
        let cells = Cells { values: &counts, batches };
        let latent = model.encode(cells).unwrap();
        let (by_kind, by_batch) = (apart(&latent, &kinds), apart(&latent, &codes));
        assert!(by_kind > 1.8, "{config:?}: {by_kind}");
        if config.kind == Kind::Variational {
            assert!(by_batch < 1.1, "{config:?}: {by_batch}");
        }
        let found = model.evaluate(cells, &history.held_out, 8).unwrap();
        assert_eq!(found.cells, 24);
        assert!(found.squared_error < 0.5, "{found:?}");
        if let (Some(bound), Some(marginal)) = (found.bound, found.marginal) {
            // Burda et al. 2016: more draws can only bring the bound nearer.
            assert!(marginal <= bound && found.divergence > Some(0.0), "{found:?}");
        }
        let denoised = model.denoised(cells, None).unwrap();
        let mean = |kind: u32, gene: usize| {
            let own: Vec<f32> = (0..240).filter(|&i| kinds[i] == kind).map(|i| denoised.row(i)[gene]).collect();
            own.iter().sum::<f32>() / own.len() as f32
        };
        assert!(mean(0, 3) > 2.0 * mean(1, 3), "{config:?}: {} {}", mean(0, 3), mean(1, 3));
    }
}

#[test]
fn samples_of_the_prior_look_like_cells() {
    let config = Config {
        hidden: vec![32],
        epochs: 40,
        rate: 5e-3,
        warm_up: 20,
        ..small(Kind::Variational, Likelihood::ZeroInflated)
    };
    let (model, _, counts, _, codes) = trained(&config, 7);
    let totals: Vec<f64> = (0..240).map(|i| counts.row(i).1.iter().map(|&x| f64::from(x)).sum()).collect();
    let samples = model.sample(300, &totals, 3).unwrap();
    let mean = |total: f32, cells: usize| total / cells as f32;
    let (real, drawn) = (mean(counts.values.iter().sum(), 240), mean(samples.data().iter().sum(), 300));
    assert!((drawn / real - 1.0).abs() < 0.2, "{drawn} beside {real}");
    assert!(samples.data().iter().all(|x| *x >= 0.0 && x.fract() == 0.0));
    assert_eq!(samples, model.sample(300, &totals, 3).unwrap());
    assert_eq!(model.sample(0, &totals, 3).unwrap().rows(), 0);
    assert!(model.sample(1, &[], 3).is_err());
    let cells = Cells { values: &counts, batches: Some((&codes, 2)) };
    assert!(model.denoised(cells, Some(2)).is_err());
    assert_ne!(model.denoised(cells, Some(0)).unwrap(), model.denoised(cells, Some(1)).unwrap());
}

#[test]
fn what_cannot_be_trained_on_is_refused() {
    let (counts, _, codes) = made(12, 8, 1);
    let config = small(Kind::Variational, Likelihood::NegativeBinomial);
    let fails = |values: &Csr, config: &Config, batches: Option<(&[u32], usize)>| {
        Autoencoder::fit(Cells { values, batches }, config, &mut |_| {}).unwrap_err()
    };
    let mut wrong = counts.clone();
    wrong.values[3] = 0.5;
    assert!(matches!(fails(&wrong, &config, None), AutoencoderError::Value { found: 0.5, .. }));
    wrong.values[3] = f32::NAN;
    assert!(matches!(fails(&wrong, &small(Kind::Plain, Likelihood::Normal), None), AutoencoderError::Value { .. }));
    wrong.values.iter_mut().for_each(|x| *x = 0.0);
    assert_eq!(fails(&wrong, &config, None), AutoencoderError::Empty { cell: 0 });
    assert!(matches!(fails(&counts.select_rows(&[1, 2, 3]), &config, None), AutoencoderError::Few { found: 3, .. }));
    assert!(matches!(fails(&counts, &config, Some((&codes, 1))), AutoencoderError::Size { found: 2, .. }));
    assert!(matches!(fails(&counts, &config, Some((&codes[1..], 2))), AutoencoderError::Size { found: 11, .. }));
    let settings: [fn(&mut Config); 7] = [
        |c| c.latent = 0,
        |c| c.hidden.clear(),
        |c| c.dropout = 1.0,
        |c| c.epochs = 0,
        |c| c.likelihood = Likelihood::Normal,
        |c| c.batch_size = 1,
        |c| (c.validation, c.held_out) = (0.5, 0.5),
    ];
    for change in settings {
        let mut config = config.clone();
        change(&mut config);
        assert!(matches!(fails(&counts, &config, None), AutoencoderError::Setting { .. }));
    }
    let (model, _) = Autoencoder::fit(Cells { values: &counts, batches: None }, &config, &mut |_| {}).unwrap();
    let fewer = counts.select_columns(&[true, true, true, true, true, true, true, false]);
    assert!(matches!(
        model.encode(Cells { values: &fewer, batches: None }),
        Err(AutoencoderError::Size { expected: 8, found: 7, .. })
    ));
    let diverging = Config { rate: 1e30, epochs: 20, ..config };
    assert!(matches!(fails(&counts, &diverging, None), AutoencoderError::Diverged { .. }));
}

#[test]
fn a_model_that_was_saved_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for config in models() {
        let (model, _, counts, _, codes) = trained(&Config { epochs: 2, ..config.clone() }, 3);
        let variational = config.kind == Kind::Variational;
        let named = |what: &str, count: usize| (0..count).map(|i| format!("{what}{i}")).collect::<Vec<_>>();
        let saved =
            SavedAutoencoder { model, genes: named("gene", 60), batches: named("b", if variational { 2 } else { 0 }) };
        let paths = ["one", "two"].map(|name| folder.path().join(name));
        saved.save(&paths[0]).unwrap();
        let read = SavedAutoencoder::load(&paths[0]).unwrap();
        read.save(&paths[1]).unwrap();
        assert_eq!(fs_err::read(&paths[0]).unwrap(), fs_err::read(&paths[1]).unwrap(), "{config:?}");
        assert_eq!((&read.genes, &read.batches), (&saved.genes, &saved.batches));
        let cells = Cells { values: &counts, batches: variational.then_some((&codes[..], 2)) };
        assert_eq!(read.model.encode(cells).unwrap(), saved.model.encode(cells).unwrap(), "{config:?}");
        assert_eq!(read.model.denoised(cells, None).unwrap(), saved.model.denoised(cells, None).unwrap());

        // Without batches: fine for latent numbers, unless the encoder reads them, and for a batch that is said.
        let unknown = Cells { values: &counts, batches: None };
        if config.encode_batch {
            assert!(matches!(read.model.encode(unknown), Err(AutoencoderError::Size { what: "batches", .. })));
        } else {
            assert_eq!(read.model.encode(unknown).unwrap(), saved.model.encode(cells).unwrap());
            assert_eq!(read.model.denoised(unknown, None).is_err(), variational);
            assert_eq!(read.model.denoised(unknown, Some(1)).is_ok(), variational);
        }
    }
}

#[test]
fn files_of_another_form_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let (model, ..) = trained(&small(Kind::Counts, Likelihood::ZeroInflated), 3);
    let saved =
        SavedAutoencoder { model, genes: (0..60).map(|i| format!("gene{i:02}")).collect(), batches: Vec::new() };
    saved.save(&path).unwrap();
    let bytes = fs_err::read(&path).unwrap();
    let changes: [(&str, &str); 5] = [
        ("\\\"autoencoder_version\\\":1", "\\\"autoencoder_version\\\":9"),
        ("\\\"latent\\\":2", "\\\"latent\\\":3"),
        ("\\\"latent\\\":2", "\\\"latent\\\":0"),
        ("gene01", "gene02"),
        ("zero-inflated", "negative-other"),
    ];
    for (from, to) in changes {
        // Headers are text before the numbers; the same length keeps all else in its place.
        let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        assert!(text.contains(from), "{from}");
        let changed: Vec<u8> = text.replacen(from, to, 1).chars().map(|c| c as u8).collect();
        fs_err::write(&path, if from.len() == to.len() { &changed } else { &bytes[..bytes.len() - 4] }).unwrap();
        let error = SavedAutoencoder::load(&path).unwrap_err().to_string();
        assert!(error.contains("model.safetensors") && !error.contains("panicked"), "{error}");
    }
}
